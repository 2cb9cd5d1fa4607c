# One image for server and worker: the command tells which.
ARG PYTHON=3.12.8-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /source
RUN python -m venv /opt/subtomo
ENV PATH=/opt/subtomo/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY pyproject.toml constraints.txt mkdocs.yml README.md CHANGELOG.md CONTRIBUTING.md LICENSE ./
COPY client client
COPY core core
COPY store store
COPY server server
COPY worker worker
COPY migrations migrations
COPY docs docs
RUN pip install --constraint constraints.txt '.[service]'

FROM python:${PYTHON}
RUN groupadd --gid 10001 subtomo \
    && useradd --uid 10001 --gid subtomo --no-create-home --home-dir /data --shell /usr/sbin/nologin subtomo \
    && install -d -o subtomo -g subtomo /data /var/cache/subtomo
COPY --from=build /opt/subtomo /opt/subtomo
# Kernels are compiled for the processor they run on, at the first use: the cache must be writable.
ENV PATH=/opt/subtomo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    NUMBA_CACHE_DIR=/var/cache/subtomo \
    SUBTOMO_DATA=/data
USER 10001:10001
VOLUME ["/data", "/var/cache/subtomo"]
EXPOSE 8642
STOPSIGNAL SIGTERM
CMD ["subtomo", "serve", "--host", "0.0.0.0", "--allow-remote"]
