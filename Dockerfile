# The image of otelhouse for a cluster: every role but the embedded engine, which a pod has no use for.
#
#   docker build -t otelhouse:0.1.0 .
#
# 326 MB of packages (docs/install.md tells which) on top of Python and Debian.
ARG PYTHON=3.13
ARG DEBIAN=bookworm

FROM python:${PYTHON}-slim-${DEBIAN} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /opt/otelhouse
COPY requirements/image.txt requirements/image-build.txt /src/requirements/
# Each with the hash that the lock names, and as a wheel: no compiler is needed.
RUN pip --python /opt/otelhouse/bin/python install --no-deps --require-hashes --only-binary :all: \
        -r /src/requirements/image.txt \
 && pip install --no-deps --require-hashes --only-binary :all: -r /src/requirements/image-build.txt
# What nobody imports: the Kubernetes client a second time for asyncio, and Arrow's headers, tests, Flight and S3.
RUN cd "$(/opt/otelhouse/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && rm -rf kubernetes/aio pyarrow/include pyarrow/tests pyarrow/libarrow_flight* pyarrow/libarrow_python_flight* \
        pyarrow/_flight* pyarrow/libarrow_s3* pyarrow/_s3fs*
COPY . /src
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels /src \
 && pip --python /opt/otelhouse/bin/python install --no-deps --no-index /wheels/*.whl \
 && /opt/otelhouse/bin/otelhouse --version

FROM python:${PYTHON}-slim-${DEBIAN}
LABEL org.opencontainers.image.title="otelhouse" \
      org.opencontainers.image.description="OpenTelemetry in, ClickHouse in the middle, SQL questions out" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nobody needs pip in a pod.
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip*
COPY --from=build /opt/otelhouse /opt/otelhouse
ENV PATH=/opt/otelhouse/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /tmp
EXPOSE 4317 4318 8000 8080
ENTRYPOINT ["otelhouse"]
CMD ["--help"]
