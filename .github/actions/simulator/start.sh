#!/usr/bin/env bash
# Starts the simulator in the background, and returns when it is ready.
set -euo pipefail
log=$RUNNER_TEMP/apikley-mock.log
read -r -a arguments <<<"$ARGUMENTS"
# A later option overrides an earlier one. The process lives until the job ends.
nohup "$RUNNER_TEMP/apikley-mock/bin/apikley-mock" serve --port "$PORT" --api-key "$API_KEY" \
  ${arguments[@]+"${arguments[@]}"} >"$log" 2>&1 </dev/null &
process=$!
until url=$(sed -n 's/^listening on //p' "$log") && [ -n "$url" ]; do
  kill -0 "$process" 2>/dev/null || { cat "$log" >&2; exit 1; }
  sleep 0.1
done
echo "url=$url" >>"$GITHUB_OUTPUT"
echo "log=$log" >>"$GITHUB_OUTPUT"
echo "APIKLEY_BASE_URL=$url" >>"$GITHUB_ENV"
echo "APIKLEY_API_KEY=$API_KEY" >>"$GITHUB_ENV"
echo "the simulator listens on $url"
