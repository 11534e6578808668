"""What can be ordered here: flavors, subnets, security groups and the default parameter groups. Pure."""

from memstored.domain.catalogue.default import default_catalogue
from memstored.domain.catalogue.file import LOOPBACK, CatalogueFault, parse
from memstored.domain.catalogue.records import (
    FAMILIES,
    Catalogue,
    DefaultGroup,
    Flavor,
    SecurityGroup,
    SecurityRule,
    Subnet,
    family_of,
    fixed_id,
)

__all__ = [
    "FAMILIES",
    "LOOPBACK",
    "Catalogue",
    "CatalogueFault",
    "DefaultGroup",
    "Flavor",
    "SecurityGroup",
    "SecurityRule",
    "Subnet",
    "default_catalogue",
    "family_of",
    "fixed_id",
    "parse",
]
