# Shared by the scripts that run tests and checks. Sourced, not run; needs bash.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$root/target/tools
# What is installed here comes first, then what Go and Cargo put where they put things.
export PATH="$tools/bin:$PATH:${GOBIN:-${GOPATH:-$HOME/go}/bin}:${CARGO_HOME:-$HOME/.cargo}/bin"

# Whether a command can be run.
have() { command -v "$1" >/dev/null 2>&1; }

# A line about what is going on, set apart from what commands print.
say() { printf '==> %s\n' "$*" >&2; }

# 75 -> 1m15s
duration() { printf '%dm%02ds' "$(($1 / 60))" "$(($1 % 60))"; }

# Runs a command as the superuser.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo -n "$@"
  else
    say "not root and no sudo: cannot run: $*"
    return 1
  fi
}
