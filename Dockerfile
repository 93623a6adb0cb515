FROM rust:1.95.0-slim-bookworm AS build

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bolt-19 cmake g++ llvm-19 make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
# The image already has its toolchain; rust-toolchain.toml is for working copies. With `llvm-tools` the
# build is optimised for a workload, which it runs here.
RUN rm rust-toolchain.toml \
    && rustup component add llvm-tools \
    && .ci/release

FROM debian:12-slim

# Certificate authorities, for fetching issuers' keys by https.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*

# The user is a number, so that a cluster can see that it is not root; it needs no passwd entry.
RUN install --directory --mode=0700 --owner=65532 --group=65532 /var/lib/vestibule

COPY --from=build /src/target/release/vestibule /usr/local/bin/vestibule

USER 65532:65532
# The store's file is created here unless `store.path` says otherwise.
WORKDIR /var/lib/vestibule
VOLUME /var/lib/vestibule
EXPOSE 8080

# Asks the admin listener from the configuration; clusters use their own probes instead.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["/usr/local/bin/vestibule", "ready", "--config", "/etc/vestibule/config.yaml"]

ENTRYPOINT ["/usr/local/bin/vestibule"]
CMD ["serve", "--config", "/etc/vestibule/config.yaml"]
