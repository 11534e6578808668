"""What can be ordered: flavors, subnets, security groups, default parameter groups; and buckets. Pure."""

from memstored.domain.catalogue.default import default_catalogue
from memstored.domain.catalogue.file import LOOPBACK, CatalogueFault, parse
from memstored.domain.catalogue.records import (
    FAMILIES,
    Bucket,
    Catalogue,
    DefaultGroup,
    Flavor,
    SecurityGroup,
    SecurityRule,
    Subnet,
    fixed_id,
)

__all__ = [
    "FAMILIES",
    "LOOPBACK",
    "Bucket",
    "Catalogue",
    "CatalogueFault",
    "DefaultGroup",
    "Flavor",
    "SecurityGroup",
    "SecurityRule",
    "Subnet",
    "default_catalogue",
    "fixed_id",
    "parse",
]
