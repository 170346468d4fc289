#!/usr/bin/env bash
# make bench: runs every project named *.Bench against private servers and collects their figures in .local/reports/bench.json.
# Each project prints its own table and writes the file named by BENCH_REPORT. BENCH=word runs only the projects whose path contains it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
. "$ROOT/deploy/local/services.sh"
reports=$STATE/reports/bench
need_disk 3000
need_dotnet
heed_advisories
mkdir -p "$STATE/logs" "$STATE/reports"
rm -rf "$reports"
mkdir -p "$reports"
trap 'printf "\n"; warn "interrupted"; exit 130' INT TERM
trap '"$ROOT/deploy/local/servers.sh" bench stop || true' EXIT

step "Starting the servers of the benchmark"
"$ROOT/deploy/local/servers.sh" bench start
eval "$("$ROOT/deploy/local/servers.sh" bench env)"

bad=0
while IFS= read -r project; do
    name=$(basename "$project" .csproj)
    step "$name"
    dotnet_build "$project" --configuration Release >"$STATE/logs/bench-$name.log" 2>&1 ||
        { tail -n 10 "$STATE/logs/bench-$name.log" >&2; warn "$name does not build"; bad=1; continue; }
    (cd "$ROOT" && BENCH_REPORT="$reports/$name.json" dotnet run --project "$project" --configuration Release --no-build) ||
        { warn "$name ended with an error"; bad=1; }
done < <(cd "$ROOT" && find . -path ./.local -prune -o -name '*.Bench.csproj' -print | sort | grep -e "${BENCH:-.}" || true)

# One list of all figures: [{"name", "value", "unit", "limit"?, "ratio"?}, …]
parts=("$reports"/*.json)
[ -e "${parts[0]}" ] || die "No benchmark wrote any figures."
cat "${parts[@]}" | tr -d '\r' | awk '
    { text = text $0 "\n" }
    END { gsub(/\]\s*\[/, ",", text); gsub(/\][ \t\n]*\[/, ",", text); printf "%s", text }' >"$STATE/reports/bench.json"

{
    printf '<!doctype html><meta charset="utf-8"><title>Benchmark</title>\n'
    printf '<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem}table{border-collapse:collapse;width:100%%}td,th{padding:.4rem .8rem;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}</style>\n'
    printf '<h1>Benchmark</h1><p>%s, %s processors, %s</p><table id="t"><tr><th>name<th>value<th>unit<th>limit<th>ratio</table><script>const rows=' \
        "$(date -u +%FT%TZ)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    cat "$STATE/reports/bench.json"
    printf ';for(const r of rows){const tr=document.getElementById("t").insertRow();for(const k of["name","value","unit","limit","ratio"])tr.insertCell().textContent=r[k]??""}</script>\n'
} >"$STATE/reports/bench.html"
say "Figures: .local/reports/bench.json, as a page: .local/reports/bench.html"
exit "$bad"
