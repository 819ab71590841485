#!/usr/bin/env bash
# Builds the image and runs it, by the commands of the README word for word, and with as little as
# it promises to need, against the sandbox in a container of its own. It is no part of `cargo test`.
#
# Usage: tests/container.sh
# Without a docker daemon within reach it starts one, as root, below a temporary directory, and ends
# it again. It ends nothing else; the images ratesheet, ratesheet:test, ratesheet-sandbox and
# ratesheet-sandbox:test stay, and ratesheet-base, if one was needed.
# DOCKER_BUILD_FLAGS: more flags for docker build, such as --network host.
# Ends with a line `N passed, N failed`, or `skipped: why` and 0.
# shellcheck disable=SC2001,SC2317 # sed has groups; a trap calls a function
set -euo pipefail
cd "$(dirname "$0")/.."

image=ratesheet:test sandbox_image=ratesheet-sandbox:test
most_bytes=8000000
name=ratesheet-test-$$ sandbox=ratesheet-test-sandbox-$$
temp=$(mktemp -d) daemon='' borrowed='' passed=0 failed=0

say() { printf '      %s\n' "$*"; }
pass() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
fail() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$*"; }
# check TEXT COMMAND…: passes when the command does.
check() { local text=$1; shift; if "$@"; then pass "$text"; else fail "$text"; fi; }
# same TEXT EXPECTED FOUND
same() { if [ "$2" = "$3" ]; then pass "$1: $3"; else fail "$1: $3, expected $2"; fi; }
skip() { printf 'skipped: %s\n' "$*"; exit 0; }
milliseconds() { local now; now=$(date +%s%N); echo $((now / 1000000)); }

tidy_up() {
    local status=$?
    trap - EXIT
    exec 3>&- 4<&-
    if docker info > "$temp/info" 2>&1; then
        docker rm -f "$name" "$sandbox" > /dev/null 2>&1 || true
        docker network rm "$name" > /dev/null 2>&1 || true
        [ -z "$borrowed" ] || docker rmi "$borrowed" > /dev/null 2>&1 || true
    fi
    if [ -n "$daemon" ]; then
        kill "$daemon" 2> /dev/null || true
        wait "$daemon" 2> /dev/null || true
        # What it has left mounted below its own directory.
        grep -F " $temp/" /proc/mounts | cut -d ' ' -f 2 | sort -r | xargs -r umount || true
    fi
    rm -rf --one-file-system "$temp" || true
    exit "$status"
}
trap tidy_up EXIT
trap 'exit 130' INT TERM
trap '' PIPE # of a sandbox that is gone
# The last line, and whether all is well.
finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    if [ "$failed" = 0 ]; then exit 0; else exit 1; fi
}

# ---- a daemon

command -v docker > /dev/null || skip "docker is not installed"
if ! docker info > /dev/null 2>&1; then
    command -v dockerd > /dev/null || skip "no docker daemon answers, and there is no dockerd to start"
    [ "$(id -u)" = 0 ] || skip "no docker daemon answers, and only root may start one"
    export DOCKER_HOST=unix://$temp/docker.sock
    unset DOCKER_CONTEXT
    dockerd -H "$DOCKER_HOST" --data-root "$temp/data" --exec-root "$temp/exec" -p "$temp/pid" \
        --bridge=none --iptables=false > "$temp/log" 2>&1 &
    daemon=$!
    for _ in $(seq 100); do
        docker info > /dev/null 2>&1 && break
        kill -0 "$daemon" 2> /dev/null || break
        sleep 0.2
    done
    docker info > /dev/null 2>&1 || skip "dockerd does not start: $(tail -n 1 "$temp/log")"
    DOCKER_BUILD_FLAGS="${DOCKER_BUILD_FLAGS:-} --network host" # it has no network of its own
    say "started a docker daemon"
fi
say "docker $(docker version --format '{{.Server.Version}}')"
# Where there is no BuildKit client, the builder before it.
docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}

# ---- the README's words

# A `docker` that adds to the README's commands what only this machine or this test needs: flags for
# the build, the network of the sandbox, and an end of the log that is followed.
mkdir "$temp/bin"
cat > "$temp/bin/docker" <<SHIM
#!/usr/bin/env bash
verb=\$1; shift
case \$verb in
    build) exec $(command -v docker) build \${DOCKER_BUILD_FLAGS:-} "\$@" ;;
    logs) exec timeout 5 $(command -v docker) logs "\$@" ;;
    run) exec $(command -v docker) run \${DOCKER_RUN_FLAGS:-} "\$@" ;;
    *) exec $(command -v docker) "\$verb" "\$@" ;;
esac
SHIM
chmod 755 "$temp/bin/docker"
# The N-th block of commands of the README's section.
block() {
    sed -n '/^## In a container$/,/^## In a cluster$/p' README.md \
        | awk -v n="$1" '/^```sh$/ { seen++; next } /^```$/ { if (seen == n) exit; next } seen == n'
}
# as_told COMMANDS: runs them as a person would, but stops at the first that fails.
as_told() { PATH=$temp/bin:$PATH bash -euc "$1" > "$temp/output" 2>&1; }

# ---- the images

base=$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile) standin=ratesheet-base:${base#rust:}
there() { docker image inspect "$1" > /dev/null 2>&1; }
if ! there "$base" && ! timeout 900 docker pull -q "$base"; then
    there "$standin" || deploy/docker/offline-base.sh || skip "$base cannot be had, nor a stand-in be made"
    # Its name is only borrowed, for the README's words.
    borrowed=$base
    docker tag "$standin" "$base"
fi

stage() { sed -n '/^ARG RUST_IMAGE/,/^COPY src/p' "$1"; }
same "sandbox.Dockerfile begins like the Dockerfile, lines that differ" 0 \
    "$(diff <(stage Dockerfile) <(stage deploy/docker/sandbox.Dockerfile) | grep -c '^[<>]' || true)"

# build TAG ARGUMENTS…
build() {
    local tag=$1 since took
    shift
    since=$(milliseconds)
    # shellcheck disable=SC2086 # flags are several words
    if docker build ${DOCKER_BUILD_FLAGS:-} -t "$tag" "$@" . > "$temp/build" 2>&1; then
        took=$(($(milliseconds) - since))
        pass "$tag is built, in $((took / 1000)) s"
    else
        tail -n 30 "$temp/build"
        fail "$tag cannot be built"
        finish
    fi
}
commands=$(block 1)
since=$(milliseconds)
if as_told "$commands"; then
    pass "the README's first commands, in $((($(milliseconds) - since) / 1000)) s: $(tr '\n' ';' <<< "$commands")"
    check "the demo's last words: $(tail -n 1 "$temp/output")" grep -q 'cells in 5 writes' "$temp/output"
else
    tail -n 30 "$temp/output"
    fail "the README's first commands"
    finish
fi
docker tag ratesheet "$image"
build "$sandbox_image" -f deploy/docker/sandbox.Dockerfile

of_image() { docker image inspect --format "$1" "$image"; }
size=$(of_image '{{.Size}}')
check "the image has $size bytes, at most $most_bytes" [ "$size" -le "$most_bytes" ]

# All files of all layers, whatever a container would be given besides.
docker save "$image" | tar -x -C "$temp" --one-top-level=saved
layers=$(grep -o '"Layers":\[[^]]*' "$temp/saved/manifest.json" | grep -o '"[^"]*/[^"]*"' | tr -d '"')
files=$(for layer in $layers; do tar -tf "$temp/saved/$layer" | grep -v '/$'; done | sort | xargs)
same "files" "licenses/LICENSE-APACHE licenses/LICENSE-MIT ratesheet" "$files"
for layer in $layers; do
    tar -xOf "$temp/saved/$layer" ratesheet 2> /dev/null || true
done > "$temp/program"
# In the program, by the names of their subjects: those of Google and those that Kraken's edge uses.
missing=$(for root in 'GTS Root R1' 'GTS Root R4' 'GlobalSign' 'ISRG Root X1' 'DigiCert Global Root G2' \
    'USERTrust ECC Certification Authority'; do
    grep -qaF "$root" "$temp/program" || printf '%s, ' "$root"
done)
same "roots that are not aboard" "" "$missing"
check "the list of its crates is aboard" grep -qaF .dep-v0 "$temp/program"
same "user" 65532:65532 "$(of_image '{{.Config.User}}')"
same "entry point" '["/ratesheet"] ["run"]' \
    "$(of_image '{{json .Config.Entrypoint}} {{json .Config.Cmd}}')"
same "stop signal" SIGTERM "$(of_image '{{.Config.StopSignal}}')"
same "health check" '["CMD","/ratesheet","healthcheck"]' \
    "$(of_image '{{with .Config.Healthcheck}}{{json .Test}}{{end}}' 2> /dev/null || echo none)"
version=$(sed -n '1,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
same "version by its label" "$version" \
    "$(of_image '{{index .Config.Labels "org.opencontainers.image.version"}}')"

# ---- alone

least=(--read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 64
    --memory 16m --memory-swap 16m)
alone() { docker run --rm --network none "${least[@]}" "$@" > "$temp/output" 2>&1; }
# ends TEXT CODE ARGUMENTS…: how a container ends that runs alone.
ends() {
    local text=$1 expected=$2 code=0
    shift 2
    alone "$@" || code=$?
    same "$text ends with" "$expected" "$code"
    [ "$code" = "$expected" ] || tail -n 5 "$temp/output"
}
ends "version" 0 "$image" version
same "version by itself" "ratesheet $version" "$(head -n 1 "$temp/output")"
same "revision by itself, as by its label" \
    "revision: $(of_image '{{index .Config.Labels "org.opencontainers.image.revision"}}')" \
    "$(sed -n 2p "$temp/output")"
check "its compiler by itself: $(sed -n 3p "$temp/output")" grep -q '^compiler: rustc 1\.' "$temp/output"
ends "the demo" 0 "$image" demo --ticks 3 --every 200
ends "no configuration" 78 "$image"

# ---- names

# A static program in an empty image finds a host by its name: where nobody listens, it is refused.
# reaches TEXT NETWORK WORDS: what it says of Kraken at the host $name.
reaches() {
    docker run --rm --network "$2" "${least[@]}" -e RATESHEET__KRAKEN__URL="https://$name:9" "$image" pairs \
        > "$temp/output" 2>&1 || true
    if grep -q "$3" "$temp/output"; then pass "$1: $3"; else cat "$temp/output"; fail "$1"; fi
}
if ! docker network create "$name" > "$temp/network" 2>&1; then
    say "names are not looked up, as the daemon makes no network: $(tail -n 1 "$temp/network")"
else
    docker run -d --rm -i --name "$name" --network "$name" "$sandbox_image" > /dev/null
    reaches "a host by its name" "$name" 'Connection refused'
    reaches "without a network" none 'the name of the host cannot be resolved'
    docker rm -f "$name" > /dev/null
    docker network rm "$name" > /dev/null
fi

# ---- against the sandbox

mkfifo "$temp/input" "$temp/said"
docker run --rm -i --name "$sandbox" --network none --read-only --cap-drop ALL \
    --security-opt no-new-privileges "$sandbox_image" < "$temp/input" > "$temp/said" 2> "$temp/errors" &
exec 3> "$temp/input" 4< "$temp/said"
read -r -t 30 home <&4 || { cat "$temp/errors"; fail "the sandbox does not start"; finish; }
url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' <<< "$home")
spreadsheet=$(sed 's/.*"spreadsheet":"\([^"]*\)".*/\1/' <<< "$home")
sed 's/.*"key":\({[^}]*}\).*/\1/' <<< "$home" > "$temp/key.json"
cat > "$temp/ratesheet.json" <<JSON
{ "sheet": "$spreadsheet:Sheet 1", "timeout": 1200,
  "data": { "kraken:xbteur:sell": ["A1"], "kraken:xbteur:buy": ["B1"] }, "updated": ["C1"],
  "kraken": { "url": "$url" }, "google": { "url": "$url" } }
JSON
chmod 755 "$temp"
chmod 644 "$temp/ratesheet.json"
if [ "$(id -u)" = 0 ]; then
    chown 65532:65532 "$temp/key.json"
    chmod 400 "$temp/key.json"
else
    chmod 644 "$temp/key.json"
fi

bid='' ask='' updated=''
# Reads the cells, from Google's side; fails while they are not filled.
look() {
    local cells
    echo cells >&3 || return 1
    read -r -t 10 cells <&4 || return 1
    [[ $cells =~ ^\[\[([0-9.]+),([0-9.]+),([0-9.]+)\]\]$ ]] || return 1
    bid=${BASH_REMATCH[1]} ask=${BASH_REMATCH[2]} updated=${BASH_REMATCH[3]}
}
# fresh TEXT SINCE: passes as soon as the cells are newer than they are known to be.
fresh() {
    local text=$1 since=$2 before=$updated
    for _ in $(seq 200); do
        if look && [ "$updated" != "$before" ]; then
            pass "$text, after $(($(milliseconds) - since)) ms: $bid $ask"
            return
        fi
        sleep 0.1
    done
    fail "$text, not within 20 s"
    docker logs "$name" 2>&1 | tail -n 5
}
state() { docker inspect --format "{{.State.$1}}" "$name"; }

since=$(milliseconds)
docker run -d --name "$name" --network "container:$sandbox" "${least[@]}" --health-interval 1s \
    -v "$temp/ratesheet.json:/etc/ratesheet/ratesheet.json:ro" \
    -v "$temp/key.json:/run/secrets/key.json:ro" \
    -e RATESHEET__CREDENTIALS=/run/secrets/key.json "$image" > /dev/null || true
fresh "it writes" "$since"
for _ in 1 2 3; do fresh "it goes on" "$(milliseconds)"; done

code=0; docker exec "$name" /ratesheet healthcheck > /dev/null || code=$?
same "it lives, healthcheck" 0 "$code"
code=0; docker exec "$name" /ratesheet healthcheck --ready > /dev/null || code=$?
same "it is ready, healthcheck --ready" 0 "$code"
for _ in $(seq 50); do
    health=$(state Health.Status 2> /dev/null || echo nothing)
    [ "$health" != starting ] && break
    sleep 0.2
done
same "docker says" healthy "$health"

pid=$(state Pid)
if [ -r "/proc/$pid/status" ]; then # unless the daemon is on another machine
    status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status" | xargs; }
    same "user and group of the process" "65532 65532 65532 65532 65532 65532 65532 65532" \
        "$(status Uid) $(status Gid)"
    same "capabilities" "0000000000000000 0000000000000000" "$(status CapEff) $(status CapBnd)"
    same "no new privileges" 1 "$(status NoNewPrivs)"
    say "$(status Threads) threads, $(status VmRSS) resident, $(status VmHWM) at the most"
    network=$(tail -n +3 "/proc/$pid/net/dev" | sed 's/:.*//' | xargs)
    same "networks besides its own tunnels" lo \
        "$(tr ' ' '\n' <<< "$network" | grep -v -e tunl -e sit -e gre -e erspan -e vti -e ip6 | xargs)"
fi
say "$(docker stats --no-stream --format '{{.MemUsage}}, {{.PIDs}} pids' "$name")"

docker kill -s KILL "$name" > /dev/null || true
docker wait "$name" > /dev/null
same "killed, it ends with" 137 "$(state ExitCode)"
sleep 2
look || true
since=$(milliseconds)
docker start "$name" > /dev/null || true
fresh "it is fresh again" "$since"

for round in 1 2 3; do
    sleep 0.$((round * 3))
    since=$(milliseconds)
    docker stop "$name" > /dev/null
    took=$(($(milliseconds) - since))
    check "it stops in $took ms, at most 1000" [ "$took" -le 1000 ]
    same "stopped, it ends with" 0 "$(state ExitCode)"
    [ "$round" != 3 ] || break
    look || true
    since=$(milliseconds)
    docker start "$name" > /dev/null || true
    fresh "it writes again" "$since"
done
same "killed for its memory" false "$(state OOMKilled)"
docker logs "$name" 2>&1 | tail -n 3 | cut -c 1-160 | sed 's/^/      /'

# Killed at random, and fresh again each time.
for _ in 1 2 3 4 5; do
    docker start "$name" > /dev/null || true
    sleep "$(awk -v r="$RANDOM" 'BEGIN { print r / 32768 * 2 }')"
    docker kill -s KILL "$name" > /dev/null || true
    docker wait "$name" > /dev/null
done
look || true
since=$(milliseconds)
docker start "$name" > /dev/null || true
fresh "killed five times at random, it is fresh again" "$since"
docker rm -f "$name" > /dev/null

# ---- your own spreadsheet, as the README says it

commands=$(block 2)
if docker container inspect ratesheet > /dev/null 2>&1; then
    fail "there is a container with the name ratesheet already: the README's commands are not run"
else
    look || true
    since=$(milliseconds)
    chown "$(id -u):$(id -g)" "$temp/key.json"
    # 124: its last command follows the log until its time is over.
    export DOCKER_RUN_FLAGS="--network container:$sandbox"
    if ! (cd "$temp" && as_told "$commands" || [ $? = 124 ]); then
        tail -n 5 "$temp/output"
        fail "the README's commands for a spreadsheet of one's own"
    fi
    fresh "the README's commands for a spreadsheet of one's own" "$since"
    check "the log that it follows" grep -q '"msg":"at work"' "$temp/output"
    same "it runs as" "$(id -u):$(id -g)" "$(docker inspect --format '{{.Config.User}}' ratesheet)"
    same "it is started again" unless-stopped \
        "$(docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' ratesheet)"
    code=0; docker exec ratesheet /ratesheet healthcheck --ready > /dev/null || code=$?
    same "it is ready" 0 "$code"
    docker rm -f ratesheet > /dev/null

    # To try first: the same with one thing replaced and one appended.
    # shellcheck disable=SC2016 # words within `…`
    replaced=$(sed -n 's/.*To try first, replace `\([^`]*\)` by `--rm` and append `once`.*/\1/p' README.md)
    once=$(sed "/^docker logs/d; s/${replaced:-nothing}/--rm/; s/^  ratesheet\$/  ratesheet once/" <<< "$commands")
    if [ -n "$replaced" ] && (cd "$temp" && as_told "$once"); then
        pass "tried first: $(tail -n 1 "$temp/output")"
    else
        tail -n 5 "$temp/output"
        fail "the README's way to try first"
    fi
fi

# ---- both in two containers, by the README's line

# shellcheck disable=SC2016 # a line within `…`
line=$(grep -o '`docker compose [^`]*up --build`' README.md | head -n 1 | tr -d '`')
compose=(docker compose)
docker compose version > /dev/null 2>&1 || compose=(docker-compose) # the one before it
if ! command -v "${compose[0]}" > /dev/null; then
    say "docker compose is not installed: its line is not run"
elif [ -z "$line" ]; then
    fail "the README has no line of docker compose"
else
    line="${compose[*]} ${line#docker compose }"
    bash -c "exec $line" > "$temp/compose" 2>&1 &
    running=$!
    # The sandbox prints the cells whenever they have changed.
    changes() { grep -o 'Sheet 1: \[\[[0-9].*' "$temp/compose" || true; }
    for _ in $(seq 600); do
        [ "$(changes | wc -l)" -ge 3 ] && break
        kill -0 "$running" 2> /dev/null || break
        sleep 0.5
    done
    if [ "$(changes | wc -l)" -ge 3 ]; then
        pass "$line: $(changes | tail -n 1)"
    else
        tail -n 5 "$temp/compose"
        fail "$line"
    fi
    kill -INT "$running" 2> /dev/null || true
    wait "$running" || true
    "${compose[@]}" -f deploy/compose.yaml down --volumes > "$temp/compose" 2>&1 || true
fi

finish
