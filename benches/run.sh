#!/usr/bin/env bash
# Measures everything that BENCHMARKS.md says, and writes it anew with its plots: about fifteen
# minutes on two cores, after the building. On a machine with something else to do it means little.
#
#   benches/run.sh            # all but the stores
#   benches/run.sh --stores   # with the stores, which need PostgreSQL and Redis
#   benches/run.sh --report   # the report alone, of the figures of the last run
#
# It needs python3 (with venv, and a package index for FastAPI), taskset and setpriv. The figures
# are left in target/figures.
set -euo pipefail
cd "$(dirname "$0")/.."

stores=no report=no
for argument in "$@"; do
    case $argument in
    --stores) stores=yes ;;
    --report) report=yes ;;
    *) echo "benches/run.sh [--stores | --report]" >&2; exit 2 ;;
    esac
done

target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target BENCH_OUT=$target/figures

# A step ends within its time, and its servers with it.
step() { # TIME NAME COMMAND...
    local time=$1 name=$2
    shift 2
    echo "== $name" >&2
    timeout --kill-after=10 "$time" "$@"
}

if [ "$report" = no ]; then
    rm -rf "$BENCH_OUT"
    mkdir -p "$BENCH_OUT"

    echo "== building" >&2
    cargo build --locked --profile service --example server
    cargo bench --locked --profile service --no-run --bench process
    cargo bench --locked --no-run --bench flood --bench scale
    cargo build --locked --release --manifest-path benches/peers/Cargo.toml
    if [ "$stores" = yes ]; then cargo bench --locked --no-run --bench stores; fi
    venv=$target/fastapi
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --requirement benches/fastapi/requirements.txt
    export FASTAPI_PYTHON=$venv/bin/python

    {
        echo "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(nproc) cores," \
            "$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)," \
            "$(uname -sr), $(rustc --version), $("$FASTAPI_PYTHON" --version)," \
            "at $(git rev-parse --short HEAD), $(date -u +%F)."
        echo "Load before the first measurement: $(cut -d' ' -f1-3 /proc/loadavg)."
    } > "$BENCH_OUT/machine.md"

    step 5m "peers" benches/peers/run.sh
    step 8m "whole processes" cargo bench --quiet --locked --profile service --bench process
    step 8m "scale" cargo bench --quiet --locked --bench scale
    step 5m "floods" cargo bench --quiet --locked --bench flood -- 10 | tee "$BENCH_OUT/flood.md"
    if [ "$stores" = yes ]; then
        step 10m "stores" cargo bench --quiet --locked --bench stores -- nothing |
            tee "$BENCH_OUT/stores.md"
    fi
fi

python3 benches/report/report.py "$BENCH_OUT"
echo "BENCHMARKS.md and benches/plots are written anew" >&2
