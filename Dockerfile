# ratesheet as a static binary on an empty image. BuildKit and the builder before it both build this.
#
#     docker build -t ratesheet .
#
# Where no image registry can be reached, deploy/docker/offline-base.sh makes a stand-in for RUST_IMAGE.
# deploy/docker/sandbox.Dockerfile begins with the same stage, to the letter: tests/container.sh.
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
# The sources are older than what was built of the empty ones: Cargo must look at them again.
# crt-static is for this crate's own link alone, as procedural macros cannot be static. Relative
# relocations, packed, take 3 KB and not 256. `ratesheet version` tells the two variables.
ARG REVISION=unknown
RUN touch src/lib.rs src/main.rs \
 && export RATESHEET_REVISION="$REVISION" RATESHEET_RUSTC="$(rustc --version)" \
 && cargo auditable rustc --release --locked --bin ratesheet -- \
    -C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ratesheet" \
      org.opencontainers.image.description="Reads Kraken quotes and writes them into cells of Google spreadsheets" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# There is no /etc/ssl: Mozilla's certificate authorities are compiled in (crate webpki-roots), and a
# file of 220 KB that the program does not read would only seem to be where to add one. That is
# tls.ca_file in the configuration.
COPY LICENSE-MIT LICENSE-APACHE /licenses/
COPY --from=build /src/target/release/ratesheet /ratesheet
# For the health check. It wins over status.listen of the file, as any variable does.
ENV RATESHEET__STATUS__LISTEN=127.0.0.1:9642
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/ratesheet", "healthcheck"]
ENTRYPOINT ["/ratesheet"]
CMD ["run"]
