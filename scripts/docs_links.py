"""A hook of mkdocs: links from the documents into the rest of the tree lead to the repository, and must lead somewhere."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(((?:\.\./)+)([^)#]*)(#[^)]*)?\)")


def on_page_markdown(markdown, page, config, files):
    folder = (ROOT / "docs" / page.file.src_uri).parent

    def outside(match):
        target = (folder / (match[1] + match[2])).resolve()
        if (ROOT / "docs") in [target, *target.parents]:
            return match[0]
        if not target.exists():
            raise SystemExit(f"docs/{page.file.src_uri} links to {match[1]}{match[2]}, which is not there")
        kind = "tree" if target.is_dir() else "blob"
        return f"]({config.repo_url}/{kind}/main/{target.relative_to(ROOT)}{match[3] or ''})"

    return LINK.sub(outside, markdown)
