#!/bin/sh
# The platform under Docker Compose: what `make up` and its kin call where a container engine answers.
set -eu
cd "$(dirname "$0")/../.."

verb=$1
shift
case $verb in
  up)
    docker compose up -d --build --wait --wait-timeout "${STRESSVISION_UP_TIMEOUT:-300}" || {
      echo "error: not every part is healthy:" >&2
      docker compose ps -a >&2
      docker compose logs --tail 20 >&2
      exit 1
    }
    docker compose run --rm access || echo "Grafana's organisations are as they were" >&2
    cat <<'TEXT'

Everything is up and healthy (Docker Compose).

  device API   http://127.0.0.1:8000/readyz
  control API  http://127.0.0.1:8001/docs   token: STRESSVISION_ADMIN_TOKEN in .env
  Postgres     127.0.0.1:5433   make psql
  Redis        127.0.0.1:6380   password: STRESSVISION_REDIS_PASSWORD in .env
  Prometheus   http://127.0.0.1:9090/targets
  Alertmanager http://127.0.0.1:9093
  Grafana      http://127.0.0.1:3000   user: admin, password: GRAFANA_ADMIN_PASSWORD in .env

  the command  docker compose exec control stressvision --help
  logs         make logs S=ingest
  stop         make down

TEXT
    ;;
  down)
    # a trainer, too: what belongs to a profile is left running otherwise
    if [ "${1-}" = --purge ]; then
      docker compose --profile '*' down --volumes --remove-orphans
      echo "stopped; all data are removed (.env is kept)"
    else
      docker compose --profile '*' down --remove-orphans
      echo "stopped; data are kept in Docker's volumes (make down PURGE=1 removes them)"
    fi
    ;;
  logs) docker compose logs --tail 50 -f "$@" ;;
  psql) docker compose exec -e PGPASSWORD="$(sed -n 's/^STRESSVISION_OWNER_DATABASE_PASSWORD=//p' .env)" postgres \
          psql -h 127.0.0.1 -U stressvision_owner stressvision ;;
  status) docker compose ps -a ;;
  *) echo "error: $verb is none of up, down, logs, psql, status" >&2; exit 2 ;;
esac
