"""The operator's catalogue file: what it replaces and how its faults are named."""

import pytest

from memstored.domain.catalogue import Bucket, CatalogueFault, default_catalogue, fixed_id, parse

SMALL = """
[[flavors]]
id = "9e34af24-e1fa-475f-ba5c-11f0116e1d85"
name = "tiny"
vcpus = 1
memory = 1

[[subnets]]
name = "left"
cidr = "127.30.0.0/24"
zone = "z1"

[[securityGroups]]
name = "office"
rules = [{ cidr = "10.0.0.0/8", fromPort = 6379, toPort = 6380 }]

[[parameterGroups]]
family = "7.0"
id = "2d6a9c0e-7f0c-4f6e-9f53-3b1e6c1d2a55"
"""


def test_an_empty_file_is_the_default_catalogue() -> None:
    """What a file does not mention stays as it is by default."""
    assert parse("", "catalogue.toml") == default_catalogue()


def test_a_section_replaces_the_default_of_that_section() -> None:
    """A section that is there is all there is of its kind."""
    catalogue = parse(SMALL, "catalogue.toml")

    assert [f.name for f in catalogue.flavors] == ["tiny"]
    assert [(s.id, s.cidr, s.zone) for s in catalogue.subnets] == [
        (fixed_id("subnet", "left"), "127.30.0.0/24", "z1")
    ]
    [group] = catalogue.security_groups
    assert (group.name, group.rules[0].from_port, group.rules[0].to_port) == ("office", 6379, 6380)


def test_a_given_id_is_kept_and_a_missing_one_is_derived() -> None:
    """An operator may name ids; the others follow from the name."""
    catalogue = parse(SMALL, "catalogue.toml")

    assert catalogue.flavors[0].id == "9e34af24-e1fa-475f-ba5c-11f0116e1d85"
    assert catalogue.security_groups[0].id == fixed_id("security-group", "office")


def test_a_default_group_gets_a_further_id_and_keeps_its_own() -> None:
    """The default group of a family answers to the id of the file and to its fixed one."""
    catalogue = parse(SMALL, "catalogue.toml")

    further = catalogue.parameter_group("2d6a9c0e-7f0c-4f6e-9f53-3b1e6c1d2a55")
    fixed = catalogue.parameter_group(fixed_id("parameter-group", "Redis.7.0.Default"))
    assert further is not None
    assert further == fixed


def test_a_bucket_lies_where_the_file_says_or_where_the_projects_own_does() -> None:
    """The path may be left out; the right is always said."""
    text = """
        [[buckets]]
        name = "out"
        projectId = "p.1"
        access = "edit"

        [[buckets]]
        name = "shared"
        projectId = "p.1"
        access = "read"
        path = "shared/rdb"
    """

    catalogue = parse(text, "catalogue.toml")

    assert catalogue.buckets == (
        Bucket(name="out", project_id="p.1", path="buckets/p%2E1/out", editable=True),
        Bucket(name="shared", project_id="p.1", path="shared/rdb", editable=False),
    )


FLAVOR = '[[flavors]]\nname = "a"\nvcpus = 1\nmemory = 1\n'
SUBNET = '[[subnets]]\nname = "a"\ncidr = "127.30.0.0/16"\nzone = "z"\n'


GROUP = '[[securityGroups]]\nname = "a"\n'

BUCKET = '[[buckets]]\nname = "b"\nprojectId = "p"\n'

FAULTS = [
    ("flavors = [", 1, "Invalid"),
    (f"{FLAVOR}\n[[flavors]]\nname = b\nvcpus = 1\nmemory = 1\n", 7, "Invalid"),
    (f'{FLAVOR}\n[[flavours]]\nname = "a"\n', 6, "unknown section 'flavours'"),
    (f"{FLAVOR}[flavours]\n", 5, "unknown section 'flavours'"),
    ("\nflavours = 1\n", 2, "unknown section 'flavours'"),
    ("\nflavors = 3\n", 2, "[[flavors]]"),
    ("[flavors]\n", 1, "[[flavors]]"),
    ("flavors = [\n  1,\n]\n", 1, "[[flavors]]"),
    ("\nflavors = []\n", 2, "flavors is empty"),
    (f'{FLAVOR}\n[[flavors]]\nname = "b"\nvcpus = 1\n', 6, "flavors needs memory"),
    ("[[flavors]]\nvcpus = 1\nmemory = 1\n", 1, "flavors needs name"),
    ('[[flavors]]\nname = "b"\nmemory = 1\n', 1, "flavors needs vcpus"),
    (f'{FLAVOR}\n[[flavors]]\nname = "b"\nvcpus = 1\nmemory = 0\n', 9, "memory of flavors must be"),
    ('[[flavors]]\nname = "b"\nvcpus = 1\nmemory = 65537\n', 4, "memory of flavors must be"),
    (f'{FLAVOR}\n[[flavors]]\nname = "b"\nvcpus = true\nmemory = 1\n', 8, "vcpus of flavors must be"),
    (f"{FLAVOR}\n{FLAVOR}", 7, "two entries 'a'"),
    (f'{FLAVOR}id = "x"\n[[flavors]]\nname = "b"\nvcpus = 1\nmemory = 1\nid = "x"\n', 10, "two entries 'b'"),
    (f"{FLAVOR}mem = 3\n", 5, "unknown field 'mem'"),
    (f"{FLAVOR}id = 3\n", 5, "id of flavors must be a string"),
    ('[[subnets]]\nname = "a"\nzone = "z"\n', 1, "subnets needs cidr"),
    ('[[subnets]]\nname = "a"\ncidr = "127.30.0.0/16"\n', 1, "subnets needs zone"),
    ('[[subnets]]\nname = "a"\ncidr = "127.30.0.1/16"\nzone = "z"\n', 3, "IPv4 network"),
    ('[[subnets]]\nname = "a"\ncidr = "::1/128"\nzone = "z"\n', 3, "IPv4 network"),
    ('[[subnets]]\nname = "a"\ncidr = "10.0.0.0/16"\nzone = "z"\n', 3, "within 127.0.0.0/8"),
    ('[[subnets]]\nname = "a"\ncidr = "127.30.0.0/16"\nzone = ""\n', 4, "zone of subnets"),
    (f'{SUBNET}\n[[ "subnets" ]]\nname = "b"\ncidr = "127.30.4.0/24"\nzone = "z"\n', 8, "overlaps"),
    (
        '[[subnets]]\n# cidr = "127.1.0.1/16"\nname = """\ncidr = 1"""\ncidr = "127.1.0.1/16"\n',
        5,
        "IPv4 network",
    ),
    (f"{GROUP}rules = 3\n", 3, "list of tables"),
    ("[[securityGroups]]\nrules = []\n", 1, "securityGroups needs name"),
    (
        f'{GROUP}rules = [{{ cidr = "10.0.0.0/8", fromPort = 9, toPort = 8 }}]\n',
        3,
        "fromPort 9 is above toPort 8",
    ),
    (f'{GROUP}rules = [\n  {{ cidr = "10.0.0.0/8", fromPort = 0, toPort = 8 }},\n]\n', 4, "fromPort of"),
    (f'{GROUP}[[securityGroups.rules]]\ncidr = "x"\nfromPort = 1\ntoPort = 2\n', 4, "IPv4 network"),
    (f'{GROUP}[[securityGroups.rules]]\ncidr = "10.0.0.0/8"\nfromPort = 1\ntoPort = 65536\n', 6, "toPort"),
    (f'{GROUP}[[securityGroups.rules]]\ncidr = "10.0.0.0/8"\nfromPort = 1\n', 3, "needs toPort"),
    (f"{GROUP}[[securityGroups.rules]]\nports = 1\n", 4, "unknown field 'ports'"),
    ('[[parameterGroups]]\nfamily = "9.9"\nid = "x"\n', 2, "family '9.9' is unknown"),
    ('[[parameterGroups]]\nfamily = "7.0"\n', 1, "parameterGroups needs id"),
    (
        '[[parameterGroups]]\nfamily = "7.0"\nid = "x"\n[[parameterGroups]]\nfamily = "6.2"\nid = "x"\n',
        6,
        "given twice",
    ),
    ("buckets = []\n", 1, "buckets is empty"),
    ('[[buckets]]\nname = "b"\naccess = "edit"\n', 1, "buckets needs projectId"),
    ('[[buckets]]\nname = "b"\nprojectId = "p"\n', 1, "buckets needs access"),
    (f'{BUCKET}access = "write"\n', 4, "one of edit, read"),
    (f'{BUCKET}access = "read"\nowner = "x"\n', 5, "unknown field 'owner'"),
    (f'{BUCKET}access = "read"\n{BUCKET}access = "edit"\n', 6, "project p has two buckets 'b'"),
    ('[[buckets]]\nname = "b/c"\nprojectId = "p"\naccess = "edit"\n', 2, "one word without a slash"),
    ('[[buckets]]\nname = ".."\nprojectId = "p"\naccess = "edit"\n', 2, "name of buckets can not be used"),
    (
        f'{BUCKET}access = "read"\npath = "/srv"\n',
        5,
        "path of buckets can not be used: it begins with a slash",
    ),
    (f'{BUCKET}access = "read"\npath = "backups/p"\n', 5, "must not lie in backups or unfinished"),
]


@pytest.mark.parametrize(("text", "line", "words"), FAULTS)
def test_a_fault_names_file_line_and_reason(text: str, line: int, words: str) -> None:
    """Whoever wrote the file learns where it is wrong and why."""
    with pytest.raises(CatalogueFault) as caught:
        parse(text, "catalogue.toml")

    assert caught.value.line == line
    assert str(caught.value).startswith(f"catalogue.toml:{line}: ")
    assert words in caught.value.reason
