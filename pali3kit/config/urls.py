"""What is wrong with a URL, known before anything is opened, and texts without what a URL may hold of credentials."""

from __future__ import annotations

import re
from importlib.util import find_spec

from pali3kit.config.paths import protocol
from pali3kit.errors import brief, choose

EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gs"), "gcs": ("gcsfs", "gs")}
"""By protocol: the package that opens it, and the extra of pali3kit that installs the package."""
WEB = ("http", "https")
_USER = re.compile(r"(\w://)[^/@\s'\"]*@")
_QUERY = re.compile(r"(\w://[^\s'\"?]*)\?[^\s'\",)]*")


def url_problem(url: str) -> str:
    """Why a URL cannot be opened, "" where nothing is known against it. Nothing is opened or fetched."""
    import fsspec

    links = url.split("::")  # of a chain, as in zip://a.tar::https://lab.org/a.zip
    name, shown = protocol(url), brief(without_secrets(url))
    package, extra = EXTRAS.get(name, ("", ""))
    if package:
        if find_spec(package) is None:
            return f"'{shown}' cannot be opened without {package}: pip install 'pali3kit[{extra}]'."
    else:
        try:
            fsspec.get_filesystem_class(name)
        except ValueError:
            known = choose(name, fsspec.available_protocols())
            return f"unknown protocol '{brief(name)}' of '{shown}'.{known}"
        except ImportError as error:
            return f"'{shown}' cannot be opened: {error}."
    if _USER.search(url) or any(protocol(link) in WEB and "?" in link for link in links):
        what = "a query, which may hold" if "?" in url and not _USER.search(url) else "a user name or"
        return f"'{shown}' has {what} credentials: leave it out, as reports quote URLs; fsspec reads them elsewhere."
    return f"'{shown}' leads out of its folder: write it without '..'." if ".." in url.split("/") else ""


def without_secrets(text: str) -> str:
    """A text, such as the message of an error, whose URLs have no user, password and query."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1", text))
