# Four images from one file; `docker build .` makes the last one, the server. docker-compose.yml uses all.
#
# Each base is pinned by its full version. A tag can be moved, a digest cannot: to pin that as well, run
#   docker buildx imagetools inspect python:3.11.15-slim-bookworm
# and write FROM python:3.11.15-slim-bookworm@sha256:…; bots that renew versions keep both in step.

# --- What the server needs to run, made where tools to make it exist -----------------------------------------
FROM python:3.11.15-slim-bookworm AS build
WORKDIR /app
COPY requirements.txt ./
# No pip in the environment itself, nothing compiled from source, no code of a package run while installing, and no
# file but those whose hashes are known.
RUN python -m venv --without-pip /opt/recado \
    && python -m pip --python /opt/recado/bin/python install --no-cache-dir --disable-pip-version-check --no-input \
        --only-binary=:all: --require-hashes --no-compile -r requirements.txt
COPY actions ./actions
COPY crypto ./crypto
COPY handlers ./handlers
COPY models ./models
COPY realtime ./realtime
COPY wiring ./wiring
COPY web/dist ./web/dist
COPY deploy/first_start.py ./deploy/
COPY *.py settings.toml requirements.txt LICENSE ./
# Whatever umask the files were cloned with: everybody may read, nobody but root may write. Compiled here,
# because at run time nothing can be written.
RUN chmod -R u=rwX,go=rX /app /opt/recado \
    && python -m compileall -q --invalidation-mode unchecked-hash /app /opt/recado/lib

# --- nginx with our configuration ----------------------------------------------------------------------------
FROM nginx:1.30.4-alpine AS proxy
COPY deploy/nginx.conf deploy/listen.conf deploy/instances.conf deploy/front.conf /etc/recado/
RUN chmod -R u=rwX,go=rX /etc/recado
USER 101:101
EXPOSE 8000
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["wget", "-q", "-T", "4", "-O", "/dev/null", "http://127.0.0.1:8000/livez/proxy"]
ENTRYPOINT ["nginx", "-e", "stderr", "-p", "/tmp/", "-c", "/etc/recado/nginx.conf"]
CMD []

# --- PostgreSQL that makes our role and database the first time ----------------------------------------------
FROM postgres:17.10-alpine3.23 AS database
COPY deploy/database.sh /docker-entrypoint-initdb.d/10-recado.sh
RUN chmod 0555 /docker-entrypoint-initdb.d/10-recado.sh
USER 70:70

# --- The server ----------------------------------------------------------------------------------------------
FROM python:3.11.15-slim-bookworm AS server
RUN groupadd --gid 10001 recado \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin recado \
    && install -d -o 10001 -g 10001 -m 0700 /data \
    && python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel
COPY --from=build /opt/recado /opt/recado
COPY --from=build /app /app
# PORT, DATABASE_URL, REDIS_URL and RECADO_<SECTION>_<KEY> override, as settings.toml says. Without a database
# of another kind, /data holds SQLite's file and the keys: mount a volume there.
ENV PATH=/opt/recado/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=8000 \
    RECADO_SERVER_HOST=0.0.0.0 \
    RECADO_SERVER_DATA_DIR=/data
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# 421 is an answer too: where [server] allowed_hosts is set, 127.0.0.1 is none of them.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status not in (200, 421))"]
CMD ["python", "server.py"]
