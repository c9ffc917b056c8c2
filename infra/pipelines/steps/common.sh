# Shared by the steps of a pipeline. Sourced, not run; needs bash and jq.
# shellcheck shell=bash
#
# The steps exit as `postern` does: 0 done or allowed, 1 denied, 2 a mistake, 3 undetermined. 3 is
# never to be taken for 0.

# What the steps hand on to each other: ref, decision.json, and the evidence.
work=${POSTERN_WORK:-.postern}
# Steps call each other by name.
PATH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd):$PATH
export PATH

say() { printf '%s\n' "$*" >&2; }

mistake() {
  say "error: $*"
  exit 2
}

# Something that was needed could not be reached or read.
undetermined() {
  say "undetermined: $*"
  exit 3
}

# needs NAME…: variables that have to be set.
needs() {
  local name
  for name in "$@"; do
    [ -n "${!name:-}" ] || mistake "$(basename "$0") needs the variable $name"
  done
}

# by_digest TEXT: whether it names an image by digest.
by_digest() { [[ $1 =~ ^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$ ]]; }

# The image that this pipeline is about: HOST/PATH@sha256:….
reference() {
  local ref
  ref=$(cat "$work/ref" 2>/dev/null) || mistake "$work/ref is not here: run push or record first"
  by_digest "$ref" || mistake "$work/ref names no image by digest: $ref"
  printf '%s' "$ref"
}

# attestor_id NAME, attestor_project NAME: the parts of projects/PROJECT/attestors/ID.
attestor_id() { attestor_part "$1" 2; }
attestor_project() { attestor_part "$1" 1; }
attestor_part() {
  [[ $1 =~ ^projects/([^/]+)/attestors/([^/]+)$ ]] ||
    mistake "\"$1\" is not of the form projects/PROJECT/attestors/ID"
  printf '%s' "${BASH_REMATCH[$2]}"
}

# decides FILE: whether the file is a decision, and nothing besides. (Of an empty file, jq finds nothing
# wrong; so the number of documents is looked at, too.)
decides() { holds "$1" '.kind == "Decision"'; }

# allows FILE IMAGE TARGET: whether the file is a decision that allows this image there, and no other.
allows() {
  # shellcheck disable=SC2016 # $image and $target are variables of jq
  holds "$1" --arg image "$2" --arg target "$3" '.kind == "Decision" and .allowed == true
    and .target == $target and ([.images[] | .resolved // .image] == [$image])'
}

# holds FILE [OPTION…] CONDITION: whether the file is one JSON document for which the condition is true.
holds() {
  local file=$1 condition=${!#}
  jq --exit-status --slurp "${@:2:$#-2}" "length == 1 and (.[0] | $condition)" "$file" >/dev/null 2>&1
}
