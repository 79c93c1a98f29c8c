# syntax=docker/dockerfile:1
# torch's wheels bring CUDA's libraries; the base has what the NVIDIA Container Toolkit goes by.
FROM nvidia/cuda:13.0.2-base-ubuntu24.04

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1

# --compile needs a C compiler and Python's headers while the studio runs: Triton builds with them.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv \
    && useradd --create-home --uid 10001 studio \
    && install -d -o studio -g studio /data

# The requirements have a layer of their own: they change seldom and are large.
WORKDIR /opt/ltx-2-studio
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt "psycopg[binary]"
COPY pyproject.toml README.md LICENSE NOTICE presets.json ./
COPY ltx_ui ltx_ui
RUN pip install --no-cache-dir --no-deps .

USER 10001
WORKDIR /home/studio
ENV LTX_UI_HOST=0.0.0.0 \
    LTX_UI_DATA_DIR=/data
VOLUME /data
EXPOSE 7860
# Without urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m CMD ["python", "-c", "\
import http.client, os; \
studio = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('LTX_UI_PORT', 7860)), timeout=8); \
studio.request('GET', '/health'); \
raise SystemExit(studio.getresponse().status != 200)"]
ENTRYPOINT ["ltx-ui"]
