"""Holds an SBOM against the schema of CycloneDX 1.6, strictly.

    validate-sbom FILE

Says what is wrong with it and exits 1, or nothing.
"""

import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if len(sys.argv) != 2:
    sys.exit(__doc__)
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(pathlib.Path(sys.argv[1]).read_text())
if error:
    sys.exit(f"{sys.argv[1]}: {str(error).splitlines()[0]}")
