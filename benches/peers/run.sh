#!/usr/bin/env bash
# Measures this crate and its peers. The figures also go to peers.jsonl in the folder $BENCH_OUT, if
# that is set. On a machine with something else to do they mean little.
set -euo pipefail
cd "$(dirname "$0")"

cargo run --quiet --release --locked -- "$@"
