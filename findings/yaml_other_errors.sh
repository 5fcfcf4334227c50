#!/usr/bin/env bash
# Guess:  `except yaml.YAMLError` catches whatever is wrong in a text given to `yaml.safe_load`.
# Seen:   it catches errors of syntax and unknown tags. A value that fits the pattern of a type but not the
#         type raises what the conversion in Python raises: unquoted `2026-02-30` and `0000-00-00`, which
#         are valid syntax, raise ValueError; tags raise IndexError (`!!int ''`), KeyError (`!!bool maybe`)
#         and AttributeError (`!!timestamp x`). None of them names the line. `2026-2-300` is text.
# With:   PyYAML 6.0.4, by its Python and its C loader; 2026-11-27.
# Matters: metadata beside clips, and lists of labels: a loader that skips files with a YAMLError ends at
#         the first unknown date that was written as 0000-00-00, and one value fails the whole file.
# Known:  PyYAML issues 382 (0000-00-00) and 899 (`!!timestamp`), open.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check PyYAML==6.0.4

venv/bin/python - <<'PY'
import sys

import yaml

print("PyYAML", yaml.__version__)
CASES = {
    "recorded: 2026-02-30": "ValueError",
    "recorded: 0000-00-00": "ValueError",
    "frames: !!int ''": "IndexError",
    "audio: !!bool maybe": "KeyError",
    "recorded: !!timestamp x": "AttributeError",
    "recorded: '2026-02-30'": "no error",
    "recorded: 2026-2-300": "no error",
    "recorded: [2026-02-30": "ParserError",
    "recorded: !!other x": "ConstructorError",
}


def outcome(text, loader):
    try:
        yaml.load(text, loader)
    except yaml.YAMLError as error:
        return type(error).__name__, error.problem_mark is not None
    except (ValueError, LookupError, AttributeError) as error:
        return type(error).__name__, "line" in str(error)
    return "no error", False


for loader in (yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])):
    print(loader.__name__)
    for text, wanted in CASES.items():
        seen, names_line = outcome(text, loader)
        print(f"  {text:24} {seen}{', names the line' if names_line else ''}")
        if seen != wanted or names_line != (wanted in ("ParserError", "ConstructorError")):
            sys.exit(f"changed: expected {wanted}")
PY
echo "behaviour as described"
