"""Prints the `run:` steps of a reusable workflow or a composite action, as GitHub would start them.

Usage: steps.py FILE CONTEXTS, with CONTEXTS a JSON object of `inputs` and `secrets`. Prints a JSON list of steps with
`run`, `shell` and `env`. An expression is anything but one value only where nobody evaluates it here.
"""

import json
import re
import sys

import yaml

VALUE = re.compile(r"^\$\{\{ (inputs|secrets)\.([a-z-]+) \}\}$")


class Loader(yaml.SafeLoader):
    """Reads `on` as the word that it is."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def values(declared, given, kind):
    unknown = given.keys() - declared.keys()
    assert not unknown, f"unknown {kind}: {unknown}"
    result = {}
    for name, what in declared.items():
        required = what.get("required") == "true"
        assert not (required and name not in given), f"{kind} {name} is required"
        result[name] = given.get(name, what.get("default", ""))
        if what.get("type") == "boolean":
            assert result[name] in ("true", "false"), f"{kind} {name} is a boolean"
    return result


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = yaml.load(file, Loader)
    given = json.loads(sys.stdin.read())
    if "runs" in document:
        contexts = {"inputs": values(document["inputs"], given["inputs"], "input")}
        steps = document["runs"]["steps"]
    else:
        call = document["on"]["workflow_call"]
        contexts = {
            "inputs": values(call["inputs"], given["inputs"], "input"),
            "secrets": values(call["secrets"], given["secrets"], "secret"),
        }
        (job,) = document["jobs"].values()
        steps = job["steps"]
    printed = []
    for step in steps:
        if "run" not in step:
            continue
        assert "${{" not in step["run"], "an expression in a script becomes code"
        env = {}
        for name, value in step.get("env", {}).items():
            context, key = VALUE.match(value).groups()
            env[name] = contexts[context][key]
        printed.append({"run": step["run"], "shell": step["shell"], "env": env})
    json.dump(printed, sys.stdout)


if __name__ == "__main__":
    main()
