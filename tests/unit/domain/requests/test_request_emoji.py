import pytest

from memstored.domain.requests.emoji import has_emoji

PICTURES = "⌚⏰☔♈⚡⛔✅✨❌❓⭐⭕🀄🃏🆎🈁🌀🍕🎉👀👍📷🔥🕐🖖🗿😀🙏🚀🛒🟠🤖🥇🧀🧿🩰🫠🫨🫷🛜🪿"
MAKERS = ("\u2795", "\U0001f1f0", "\ufe0f", "\u20e3", "1\ufe0f\u20e3", "©\ufe0f", "\U0001f3fb")


@pytest.mark.parametrize("character", [*PICTURES, *MAKERS])
def test_a_picture_is_found(character: str) -> None:
    """Whatever is shown as a picture, or makes one of another character, is found."""
    assert has_emoji(f"a {character} b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0123456789#*",
        "© ® ™",
        "주문 세트",
        "日本語",
        "é ñ ü",
        "→ ↔ ✓ ✔ ☎ ☀ ♥ ❤ ▶ ㊗ 〰 ‼",
        "\U0001d49c \U00010348",
        "\u200d",
        "🌡 🏎 🕷 🖥",
    ],
)
def test_text_is_no_picture(text: str) -> None:
    """Digits, signs and letters of any script pass, also signs that only a selector turns into pictures."""
    assert not has_emoji(text)
