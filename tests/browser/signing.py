"""Signing in at the console's form."""

import json

from playwright.sync_api import Page
from service_process import ServiceProcess

__all__ = ["sign_in"]


def sign_in(service: ServiceProcess, page: Page) -> None:
    """Sign in with the first credential, at the form."""
    first = json.loads((service.data_dir / "credentials.json").read_text())
    page.goto("sign-in")
    page.get_by_label("Credential id").fill(first["applicationCredentialId"])
    page.get_by_label("Secret").fill(first["applicationCredentialSecret"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/sets")
