"""Validates one document: `validate.py oscal FILE` or `validate.py schema SCHEMA FILE`."""
import json
import sys
from pathlib import Path


def oscal(path):
    from trestle.oscal import OSCAL_VERSION
    from trestle.oscal.assessment_results import AssessmentResults

    results = AssessmentResults.oscal_read(Path(path))
    if results is None:
        sys.exit(f"trestle reads nothing from {path}")
    # trestle's validators check that uuids are unique and that references lead somewhere.
    text = Path(path).read_text(encoding="utf-8")
    uuids = []

    def walk(node, key=""):
        if isinstance(node, dict):
            for name, child in node.items():
                walk(child, name)
        elif isinstance(node, list):
            for child in node:
                walk(child, key)
        elif key == "uuid":
            uuids.append(node)

    document = json.loads(text)
    walk(document)
    if len(uuids) != len(set(uuids)):
        sys.exit("a uuid stands for two things")
    known = set(uuids)

    def refer(node, key=""):
        if isinstance(node, dict):
            for name, child in node.items():
                refer(child, name)
        elif isinstance(node, list):
            for child in node:
                refer(child, key)
        elif key.endswith("-uuid") or key == "party-uuids":
            if node not in known:
                sys.exit(f"{key} {node} leads nowhere")

    refer(document)
    result = results.results[0]
    print(f"OSCAL {OSCAL_VERSION} {len(result.observations or [])} {len(result.findings or [])}")


def schema(schema, path):
    from jsonschema.validators import validator_for

    schema = json.loads(Path(schema).read_text(encoding="utf-8"))
    validator = validator_for(schema)
    validator.check_schema(schema)
    errors = list(validator(schema).iter_errors(json.loads(Path(path).read_text(encoding="utf-8"))))
    for error in errors[:20]:
        print(f"{error.json_path}: {error.message[:300]}", file=sys.stderr)
    sys.exit(1 if errors else 0)


{"oscal": oscal, "schema": schema}[sys.argv[1]](*sys.argv[2:])
