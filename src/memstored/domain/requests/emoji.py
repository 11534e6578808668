"""Which characters a description may not hold because they are shown as pictures (API.md 2.1).

The ranges are those of `Emoji_Presentation` in Unicode 17's `emoji-data.txt`, with regional indicators
among them; U+FE0F and U+20E3 turn other characters into pictures. Digits, `#` and `©` are text.
"""

import re

__all__ = ["has_emoji"]

_RANGES = """
231a-231b 23e9-23ec 23f0 23f3 25fd-25fe 2614-2615 2648-2653 267f 2693 26a1 26aa-26ab 26bd-26be 26c4-26c5
26ce 26d4 26ea 26f2-26f3 26f5 26fa 26fd 2705 270a-270b 2728 274c 274e 2753-2755 2757 2795-2797 27b0 27bf
2b1b-2b1c 2b50 2b55 1f004 1f0cf 1f18e 1f191-1f19a 1f1e6-1f1ff 1f201 1f21a 1f22f 1f232-1f236 1f238-1f23a
1f250-1f251 1f300-1f320 1f32d-1f335 1f337-1f37c 1f37e-1f393 1f3a0-1f3ca 1f3cf-1f3d3 1f3e0-1f3f0 1f3f4
1f3f8-1f43e 1f440 1f442-1f4fc 1f4ff-1f53d 1f54b-1f54e 1f550-1f567 1f57a 1f595-1f596 1f5a4 1f5fb-1f64f
1f680-1f6c5 1f6cc 1f6d0-1f6d2 1f6d5-1f6d8 1f6dc-1f6df 1f6eb-1f6ec 1f6f4-1f6fc 1f7e0-1f7eb 1f7f0
1f90c-1f93a 1f93c-1f945 1f947-1f9ff 1fa70-1fa7c 1fa80-1fa8a 1fa8e-1fac6 1fac8 1facd-1fadc 1fadf-1faea
1faef-1faf8 fe0f 20e3
"""


def _character_class(ranges: str) -> str:
    ends = (part.split("-") for part in ranges.split())
    return "".join("-".join(rf"\U{int(end, 16):08x}" for end in pair) for pair in ends)


_EMOJI = re.compile(f"[{_character_class(_RANGES)}]")


def has_emoji(text: str) -> bool:
    """Whether any character of the text is, or makes, a picture."""
    return _EMOJI.search(text) is not None
