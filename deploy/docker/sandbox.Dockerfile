# The sandbox, the stand-in of Kraken and Google (examples/sandbox.rs), as an image of its own: for
# deploy/compose.yaml and tests/container.sh.
#
#     docker build -t ratesheet-sandbox -f deploy/docker/sandbox.Dockerfile .
#
# It listens on its own loopback alone. Who talks to it shares its network, --network container:….
ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS build
# The program carries the list of the crates that it is made of, for scanners of vulnerabilities.
RUN cargo install --locked --root /usr/local cargo-auditable@0.7.7
WORKDIR /src
# Dependencies first: they are built again only when Cargo.toml or Cargo.lock changes. Cargo insists
# on the file of every example and test that the manifest declares; an image needs none of them.
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[\(example\|test\|bench\)\]\]/,/^$/d' Cargo.toml \
 && mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --bin ratesheet \
 && rm -r src
COPY src src
# As a second program of the package, not as its example: so it is linked with the dependencies that
# are built already. Those of examples are built with other features.
COPY examples/sandbox.rs src/bin/sandbox.rs
RUN touch src/lib.rs \
 && cargo rustc --release --locked --bin sandbox -- -C target-feature=+crt-static \
 && mkdir /empty

FROM scratch
LABEL org.opencontainers.image.title="ratesheet-sandbox" \
      org.opencontainers.image.description="A stand-in of Kraken and Google, to try ratesheet against" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY LICENSE-MIT LICENSE-APACHE /licenses/
COPY --from=build /src/target/release/sandbox /sandbox
# Where --key may write. A volume takes over whose it is.
COPY --from=build --chown=65532:65532 /empty /keys
USER 65532:65532
# There is nothing to be put in order, and as the first process it would not hear SIGTERM.
STOPSIGNAL SIGKILL
ENTRYPOINT ["/sandbox"]
