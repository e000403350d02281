#!/usr/bin/env bash
# Counts instructions with callgrind and compares them with expected.txt: 5 % more fails. With `--save`
# the counts of today become those expected.
#
# Runs of one build agree to the instruction for most; refusals make maps with seeds of their own, and
# three runs were up to 2.2 % apart. The counts depend on the compiler, on libc and on valgrind,
# which has no SHA instructions, so that SHA-256 is counted in software. Where any of the three is
# another than in expected.txt, the growth is shown, but nothing fails.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v valgrind >/dev/null; then
  echo "instructions: SKIPPED: no valgrind; nothing was counted"
  exit 0
fi

cargo build --quiet --release --locked
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
with="$(rustc --version), $(valgrind --version), $(getconf GNU_LIBC_VERSION), $(uname -m)"

# What is the whole program's beyond the functions whose name begins with `counted` does not count.
count() {
  local log
  log=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
    --toggle-collect='*::counted*' "$target/release/tower-oauth2-password-instructions" "$1" 2>&1) ||
    { echo "$log" >&2; return 1; }
  echo "$(($(sed -n 's/.*Collected : //p' <<<"$log") / 1000))"
}

counts="# With $with.
# What, and instructions each time."
for what in bare hit unknown malformed missing token; do
  counted=$(count "$what")
  counts+=$'\n'"$what $counted"
done
if [[ ${1:-} == --save ]]; then
  echo "$counts" > expected.txt
  exit 0
fi

failed=0
while read -r what counted; do
  expected=$(sed -n "s/^$what //p" expected.txt)
  [[ -n $expected ]] || { echo "instructions: $what is not in expected.txt"; exit 1; }
  verdict=""
  if ((counted * 100 > expected * 105)); then
    verdict="TOO MANY"
    failed=1
  elif ((counted * 100 < expected * 95)); then
    verdict="fewer: run benches/instructions/run.sh --save"
  fi
  printf 'instructions: %-10s %6d, expected %6d  %s\n' "$what" "$counted" "$expected" "$verdict"
done < <(grep -v '^#' <<<"$counts")

if ((failed)) && [[ "# With $with." != "$(head -n 1 expected.txt)" ]]; then
  echo "instructions: NOT COMPARED: counted with $with, not as in expected.txt"
  exit 0
fi
exit "$failed"
