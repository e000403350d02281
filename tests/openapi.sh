#!/usr/bin/env bash
# Holds what the example `server` says of itself in OpenAPI to what it does: the document is valid,
# and no request that schemathesis makes up gets an answer that is not described.
# Its tools come from PyPI into a folder beside the build. Without Python or a network it says
# SKIPPED; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/openapi
here=$PWD/tests/openapi
pinned=$here/requirements.txt
# For each server; it takes half a minute.
seconds=240

skip() {
  echo "openapi: SKIPPED: $1; what the server says of itself was NOT compared with what it does"
  [ "${CI:-}" != true ] || exit 1
  exit 0
}

python3 -c 'import ensurepip, venv' 2>/dev/null || skip "no python3 that can make a virtual environment"
if ! cmp --silent "$pinned" "$tools/installed"; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$pinned" ||
    skip "the tools could not be installed"
  cp "$pinned" "$tools/installed"
fi

cargo build --locked --example server

server=
stop() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  server=
}
trap stop EXIT

# compare ID:SECRET FLAGS...: the server with these flags, and a client of it if it knows any.
compare() {
  local client=$1 lines
  shift
  lines=$(mktemp)
  LISTEN=127.0.0.1:0 "$target/debug/examples/server" --bcrypt-cost 4 --no-throttle "$@" >"$lines" &
  server=$!
  for _ in $(seq 100); do
    grep -q '^Listening on' "$lines" && break
    sleep 0.1
  done
  OPENAPI_BASE=$(sed -n 's/^Listening on \(http:[^;]*\);.*/\1/p' "$lines")
  rm "$lines"
  export OPENAPI_BASE OPENAPI_CLIENT=$client NO_PROXY=127.0.0.1
  echo "== ${*:-no clients}: $OPENAPI_BASE/openapi.json"
  curl --silent --show-error --fail "$OPENAPI_BASE/openapi.json" |
    "$tools/bin/openapi-spec-validator" --subschema-errors all -
  # It writes its files where it runs.
  (
    cd "$tools"
    SCHEMATHESIS_HOOKS=$here/login.py timeout "$seconds" \
      bin/st --config-file "$here/schemathesis.toml" run "$OPENAPI_BASE/openapi.json"
  )
  stop
}

compare ""
compare api:s3cret --client web --client api:s3cret
echo "openapi: the server does what it says, with clients and without"
