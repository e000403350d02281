#!/usr/bin/env bash
# Runs the whole test suite: unit, integration and documentation tests, the examples, the tests
# that start Redis and PostgreSQL servers and browsers of their own, and the comparison of the server
# with what it says of itself.
# On a fresh Debian machine with a Rust toolchain it first installs what is missing.
# Arguments go to `cargo test`, which then runs alone.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
  echo "tests/run.sh: cargo is missing; install a Rust toolchain first" >&2
  exit 1
fi

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl)
if [ $# -eq 0 ]; then
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
    missing+=(postgresql)
  command -v chromium >/dev/null || missing+=(chromium)
  command -v chromedriver >/dev/null || missing+=(chromium-driver)
  # Without it, and without `apt-get`, `tests/openapi.sh` is skipped.
  if command -v apt-get >/dev/null; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  fi
fi
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "tests/run.sh: please install: ${missing[*]}" >&2
    exit 1
  fi
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive \
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
run() { "$@" 2>&1 | tee -a "$log" || status=$?; }

# Several tests start the examples, which are built first.
cargo build --locked --examples
run cargo test --locked "$@"
if [ $# -eq 0 ]; then
  # The slow clients and their server have 2,000 connections.
  ulimit -n 8192 2>/dev/null || true
  # What needs a server or a browser, which `cargo test` alone leaves out.
  run cargo test --locked --test suite -- engines browser --ignored --nocapture --test-threads=1
  run tests/openapi.sh
  # Every order in which threads can take the locks of the store in memory.
  export RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
  run cargo test --locked --lib races
fi

echo
awk '
  /^test result:/ { passed += $4; failed += $6; ignored += $8 }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }
' "$log"
exit "$status"
