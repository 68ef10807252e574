"""
Links of the pages that lead nowhere: to a file that is not there, or to a heading that its page
lacks. And headings that the list at a page's top leaves out, where it has one. Prints each, and
nothing else.

    links.py [PAGE...]      all *.md of the tree, from its top
"""

import os
import re
import subprocess
import sys


def text_of(page):
    """Without code: there a bracket is no link, and a # no heading."""
    with open(page, encoding="utf-8") as file:
        text = re.sub(r"^ *```.*?^ *```$", "", file.read(), flags=re.M | re.S)
    return text


def headings(page):
    """What links to them are made of, as GitHub makes it."""
    return {re.sub(r"[^\w -]", "", line.strip().lower()).replace(" ", "-")
            for line in re.findall(r"^#+ (.*)$", text_of(page), re.M)}


def left_out(page):
    """Of the headings of the second level, behind a list of links to them."""
    before, *parts = re.split(r"^## (.*)$", text_of(page), flags=re.M)
    listed = re.findall(r"^- \[(.*?)\]\(#", before, re.M)
    return [head for head in parts[::2] if head not in listed] if listed else []


def links(page):
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text_of(page)))


def faults(page):
    for link in links(page):
        path, _, heading = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(target):
            yield "%s: %s: no such file" % (page, link)
        elif heading and heading not in headings(target):
            yield "%s: %s: no such heading" % (page, link)
    for heading in left_out(page):
        yield "%s: the list at its top lacks %s" % (page, heading)


def pages():
    listed = subprocess.check_output(["git", "ls-files", "*.md"], text=True).split()
    return [page for page in listed if os.path.exists(page)]


if __name__ == "__main__":
    found = [fault for page in sys.argv[1:] or pages() for fault in faults(page)]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
