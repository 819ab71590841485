# A static binary on an empty image. Builds with BuildKit and with the legacy builder alike.
ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# Dependencies first: they are built again only when Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it examples \
 && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs \
      examples/embed.rs examples/kraken_only.rs examples/sandbox.rs > /dev/null \
 && touch src/lib.rs \
 && cargo build --release --locked --bin ratesheet \
 && rm -r src tests examples
COPY . .
# A static glibc: with --target-feature for this crate's own link step alone, since procedural
# macros cannot be static.
RUN touch src/lib.rs src/main.rs \
 && cargo rustc --release --locked --bin ratesheet -- -C target-feature=+crt-static

FROM scratch
LABEL org.opencontainers.image.title="ratesheet" \
      org.opencontainers.image.description="Reads Kraken quotes and writes them into cells of Google spreadsheets" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /src/target/release/ratesheet /ratesheet
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY LICENSE-MIT LICENSE-APACHE /licenses/
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/ratesheet"]
CMD ["run"]
