#!/usr/bin/env bash
# Runs the whole test suite: unit, integration and documentation tests, and the examples.
# On a fresh Debian machine with a Rust toolchain it first installs what is missing.
# Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
  echo "tests/run.sh: cargo is missing; install a Rust toolchain first" >&2
  exit 1
fi

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl)
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "tests/run.sh: please install: ${missing[*]}" >&2
    exit 1
  fi
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# Several tests start the examples, which are built first.
cargo build --locked --examples
cargo test --locked "$@" 2>&1 | tee "$log" || status=$?
# Every order in which threads can take the locks of the store in memory.
if [ $# -eq 0 ]; then
  RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom" \
    cargo test --locked --lib races 2>&1 | tee -a "$log" || status=$?
fi

echo
awk '
  /^test result:/ { passed += $4; failed += $6; ignored += $8 }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }
' "$log"
exit "$status"
