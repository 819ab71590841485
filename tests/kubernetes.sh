#!/usr/bin/env bash
# Renders deploy/kubernetes and looks at what comes of it: the schemas, pod security *restricted*,
# one writer for each spreadsheet, and that every Deployment stays within its quota. It needs no
# cluster, and is no part of `cargo test`.
#
# Usage: tests/kubernetes.sh
# Needs kubectl, Python 3 with venv, and its package registry (or PYTHON, one with the packages
# kubernetes-validate and pyyaml).
# RATESHEET: the program; without it, cargo builds one.
# Ends with a line `N passed, N failed`, or `skipped: why` and 0.
set -euo pipefail
cd "$(dirname "$0")/.."

temp=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$temp"' EXIT
pass() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
fail() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$*"; }
# same TEXT EXPECTED FOUND
same() { if [ "$2" = "$3" ]; then pass "$1: $3"; else fail "$1: $3, expected $2"; fi; }
skip() { printf 'skipped: %s\n' "$*"; exit 0; }

command -v kubectl > /dev/null || skip "kubectl is not installed"
command -v python3 > /dev/null || skip "python3 is not installed"
python=${PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$temp/venv" || skip "python3 has no venv"
    python=$temp/venv/bin/python
    "$python" -m pip install -q --disable-pip-version-check kubernetes-validate==1.37.0 pyyaml==6.0.3 \
        || skip "the Python packages cannot be had"
fi
ratesheet=${RATESHEET:-}
if [ -z "$ratesheet" ]; then
    cargo build --locked --quiet
    ratesheet=target/debug/ratesheet
fi
kubernetes=deploy/kubernetes

# looks_well NAME FOLDER: renders an overlay and has it looked at.
looks_well() {
    if ! kubectl kustomize "$2" > "$temp/$1.yaml" 2> "$temp/errors"; then
        cat "$temp/errors"
        fail "$1: cannot be rendered"
        return
    fi
    "$python" tests/kubernetes/check.py "$1" < "$temp/$1.yaml" > "$temp/found" || echo "FAIL  $1" >> "$temp/found"
    count
}
# Counts the lines that a check has printed.
count() {
    cat "$temp/found"
    passed=$((passed + $(grep -c '^ok' "$temp/found" || true)))
    failed=$((failed + $(grep -c '^FAIL' "$temp/found" || true)))
}
# accepts CONFIGURATION: fails if ratesheet refuses it; prints what it warns of, but for what
# is meant: that the probes are open to other machines.
accepts() {
    local code=0
    env -i RATESHEET__STATUS__LISTEN=0.0.0.0:9642 "$ratesheet" check --credentials metadata \
        -c "$1" > "$temp/output" 2>&1 || code=$?
    grep -i '^ *warning' "$temp/output" | grep -v 'open to other machines' || true
    [ "$code" = 0 ] || cat "$temp/output"
    return "$code"
}
# fits NAME FOLDER DEPLOYMENTS: so many configurations are there, and accepted without a warning.
fits() {
    local name=$1 config found=0 output
    while read -r config; do
        found=$((found + 1))
        output=$(accepts "$config") || fail "$name: $config is refused"
        [ -z "$output" ] || fail "$name: $config: $output"
    done < <(find "$2" -name ratesheet.json | sort)
    same "$name: configurations that fit" "$3" "$found"
}

# ---- the overlays

looks_well namespace "$kubernetes/namespace"
for overlay in one-sheet many-sheets; do looks_well "$overlay" "$kubernetes/overlays/$overlay"; done
"$python" tests/kubernetes/check.py --self-test one-sheet < "$temp/one-sheet.yaml" > "$temp/found" || echo "FAIL  self-test" >> "$temp/found"
count
fits one-sheet "$kubernetes/overlays/one-sheet" 1

cp -r "$kubernetes" "$temp/kubernetes"
sed -i '/^patches:/,$d; s/^# components:/components:/' "$temp/kubernetes/overlays/one-sheet/kustomization.yaml"
looks_well with-a-key "$temp/kubernetes/overlays/one-sheet"

# A changed configuration is another ConfigMap, and so a rollout.
map() { sed -n 's/^ *name: \(ratesheet-[a-z0-9]*\)$/\1/p' "$1" | sort -u; }
before=$(map "$temp/with-a-key.yaml")
sed -i 's/"5s"/"6s"/' "$temp/kubernetes/overlays/one-sheet/ratesheet.json"
kubectl kustomize "$temp/kubernetes/overlays/one-sheet" > "$temp/changed.yaml"
if [ -n "$before" ] && [ "$before" != "$(map "$temp/changed.yaml")" ]; then
    pass "a changed configuration is a rollout"
else
    fail "a changed configuration is no rollout"
fi

# ---- spread over Deployments

many=$kubernetes/overlays/many-sheets
"$temp/kubernetes/spread.py" "$many/sheets.json" "$temp/kubernetes/overlays/again" \
    --image registry.invalid/ratesheet:0.1.0 --project your-project > "$temp/said"
same "overlays/many-sheets is what spread.py makes, lines that differ" 0 \
    "$(diff -r "$many" "$temp/kubernetes/overlays/again" | grep -vc '^Only in .*: sheets.json$' || true)"
fits many-sheets "$many" 2

# sheets COUNT TIMEOUT: a configuration of so many spreadsheets.
sheets() {
    "$python" - "$@" <<'PY'
import json, sys
count, timeout = int(sys.argv[1]), sys.argv[2]
sheet = lambda n: {"sheet": f"1Spreadsheet-{n:03}-0123456789abcdefghijklmn:Prices", "timeout": timeout,
    "data": {f"kraken:{p}:sell": [f"A{r}"] for r, p in enumerate(("xbteur", "etheur", "soleur"), 1)}}
print(json.dumps({"sheets": [sheet(n) for n in range(count)]}))
PY
}
image=(--image registry.invalid/ratesheet:0.1.0)
# hundred NAME TIMEOUT DEPLOYMENTS FLAGS…
hundred() {
    local name=$1 timeout=$2 deployments=$3 folder=$temp/kubernetes/overlays/$1
    shift 3
    sheets 100 "$timeout" > "$temp/hundred.json"
    if ! "$temp/kubernetes/spread.py" "$temp/hundred.json" "$folder" "${image[@]}" "$@" > "$temp/said"; then
        fail "$name: cannot be spread"
        return
    fi
    looks_well "$name" "$folder"
    fits "$name" "$folder" "$deployments"
    same "$name: robots, each of one Deployment" "$deployments" \
        "$(grep -o 'ratesheet-[0-9]*@[a-e].iam' "$temp/$name.yaml" | sort -u | wc -l)"
    same "$name: spreadsheets, each in one Deployment" "100 100" \
        "$(grep -ho '1Spreadsheet-[0-9]*' "$folder"/part-*/ratesheet.json | sort | tee "$temp/ids" | wc -l) $(sort -u "$temp/ids" | wc -l)"
    atmost=$((deployments < 5 ? deployments : 5))
    same "$name: the most Deployments of a project, at 50 writes a minute each" "$atmost" \
        "$(grep -o '@[a-e].iam' "$temp/said" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1 }')"
}
hundred hundred-every-30s 30s 4 --project a
hundred hundred-every-5s 5s 25 --project a --project b --project c --project d --project e --addresses 5

# refused TEXT WORDS ARGUMENTS…: spread.py says no, and why.
refused() {
    local text=$1 words=$2 code=0
    shift 2
    "$kubernetes/spread.py" "$@" "${image[@]}" > /dev/null 2> "$temp/errors" || code=$?
    if [ "$code" = 1 ] && grep -q "$words" "$temp/errors"; then
        pass "$text: $(cut -d : -f 3- "$temp/errors")"
    else
        cat "$temp/errors"
        fail "$text: ended with $code"
    fi
}
sheets 100 5s > "$temp/hundred.json"
refused "too few projects" "25 Deployments .* take 5 projects" "$temp/hundred.json" "$temp/no" --project a --addresses 5
refused "too few addresses" "take 5 addresses" "$temp/hundred.json" "$temp/no" \
    --project a --project b --project c --project d --project e
# The same hundred in one Deployment: what `fits` looks for is really said.
if accepts "$temp/hundred.json" | grep -q 'ask for 1200 writes a minute'; then
    pass "a hundred in one Deployment are noticed"
else
    fail "a hundred in one Deployment are not noticed"
fi
sheets 1 1s > "$temp/fast.json"
refused "too fast for any" "make its timeout 1200 ms" "$temp/fast.json" "$temp/no" --project a

sheets 0 5s > "$temp/none.json"
refused "no sheets" "there is no sheet" "$temp/none.json" "$temp/no" --project a
for rate in 0 300; do
    sed "s/}$/, \"google\": {\"writes_per_minute\": $rate}}/" "$temp/fast.json" > "$temp/rate.json"
    refused "a rate of $rate" "writes_per_minute is $rate" "$temp/rate.json" "$temp/no" --project a
done
sed 's/}$/, "heartbeat": {"url": "https:\/\/switch.invalid\/desk"}}/' "$temp/hundred.json" > "$temp/heart.json"
five=(--project a --project b --project c --project d --project e --addresses 5)
refused "one heartbeat for all" "one heartbeat.url for 25 Deployments" "$temp/heart.json" "$temp/no" "${five[@]}"
sed -i 's/desk/desk-{part}/' "$temp/heart.json"
"$temp/kubernetes/spread.py" "$temp/heart.json" "$temp/kubernetes/overlays/heart" "${image[@]}" "${five[@]}" > "$temp/said"
fits "a heartbeat for each" "$temp/kubernetes/overlays/heart" 25
same "a heartbeat for each, addresses" 25 \
    "$(grep -rho 'switch.invalid/desk-[0-9]*' "$temp/kubernetes/overlays/heart" | sort -u | wc -l)"
code=0
"$kubernetes/spread.py" "$temp/fast.json" "$temp/no" --project a --image ratesheet:0.1.0 > /dev/null 2> "$temp/errors" || code=$?
same "an image of no registry, ends with" 2 "$code"

# No address asks Kraken more often than it may: three parts that leave by two addresses.
sheets 12 5s > "$temp/twelve.json"
desk=$temp/kubernetes/overlays/desk
"$temp/kubernetes/spread.py" "$temp/twelve.json" "$desk" "${image[@]}" --key --project a --addresses 2 > "$temp/said"
same "the share of Kraken's rate, three parts by two addresses" "0.5 0.5 0.5" \
    "$(grep -rho 'requests_per_second": [0-9.]*' "$desk" | sed 's/.* //' | xargs)"
looks_well a-key-for-each "$desk"
same "a key for each, Secrets" "ratesheet-key-01 ratesheet-key-02 ratesheet-key-03" \
    "$(sed -n 's/^ *secretName: //p' "$temp/a-key-for-each.yaml" | sort | xargs)"

# ---- spread again

# where FOLDER: each spreadsheet with its part.
where() { (cd "$1" && grep -o '1Spreadsheet-[0-9]*' part-*/ratesheet.json | sort); }
# again NAME: the sheets of standard input, over what is there already.
again() {
    cat > "$temp/again.json"
    where "$desk" > "$temp/before"
    "$temp/kubernetes/spread.py" "$temp/again.json" "$desk" "${image[@]}" --project a --addresses 3 > "$temp/said"
    # What is to be done before the apply, as a person would.
    sed -n 's/^  kubectl .* && //p' "$temp/said" > "$temp/commands"
    bash -eu "$temp/commands"
    where "$desk" > "$temp/after"
    looks_well "$1" "$desk"
}
# without NUMBER…: the sheets of standard input but for those.
without() {
    "$python" -c 'import json, sys
sheets = json.load(sys.stdin)["sheets"]
print(json.dumps({"sheets": [one for one in sheets if one["sheet"][13:16] not in sys.argv[1:]]}))' "$@"
}
sheets 12 5s | without 000 005 | again "two in the middle less"
same "two in the middle less, spreadsheets that are elsewhere now" 0 "$(comm -13 "$temp/before" "$temp/after" | wc -l)"
same "two in the middle less, parts that are gone" 0 "$(grep -c 'kubectl' "$temp/said" || true)"
sheets 14 5s | again "two more, and those back"
same "two more, and those back, spreadsheets that are elsewhere now" 0 "$(comm -23 "$temp/before" "$temp/after" | wc -l)"
same "two more, and those back, parts" 4 "$(wc -l < "$temp/said")"
sheets 8 5s | again "six less"
same "six less, Deployments to be deleted before the apply" "ratesheet-03 ratesheet-04" \
    "$(sed -n 's/^  kubectl -n ratesheet delete .* -l app.kubernetes.io\/instance=\(ratesheet-[0-9]*\) .*/\1/p' "$temp/said" | xargs)"
same "six less, spreadsheets that are elsewhere now" 0 "$(comm -13 "$temp/before" "$temp/after" | wc -l)"
sheets 8 4s | again "too fast for where they are"
same "too fast for where they are, spreadsheets that are told to move" 2 "$(grep -c 'does not fit into part-0[12] any more' "$temp/said")"

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
