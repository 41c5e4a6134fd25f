#!/bin/sh
# Starts Alertmanager with the receivers that the environment names; containers and the native stack both come here.
#   start.sh PROGRAM SETTINGS FOLDER [OPTION]...
# SETTINGS is alertmanager.yml of this folder, or an operator's own file: that one is taken as it stands. With receivers,
# the file that is run lies in FOLDER, readable by its owner alone, for it may hold a password.
set -eu
program=$1 settings=$2 folder=$3
shift 3
umask 077

quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }

fail() {
    echo "alertmanager: $1" >&2
    exit 1
}

receivers() {
    if [ -n "${STRESSVISION_ALERTMANAGER_WEBHOOK_URL:-}" ]; then
        printf '    webhook_configs:\n      - url: %s\n' "$(quoted "$STRESSVISION_ALERTMANAGER_WEBHOOK_URL")"
    fi
    if [ -n "${STRESSVISION_ALERTMANAGER_MAIL_TO:-}" ]; then
        printf '    email_configs:\n      - to: %s\n' "$(quoted "$STRESSVISION_ALERTMANAGER_MAIL_TO")"
        printf '        from: %s\n' "$(quoted "$STRESSVISION_ALERTMANAGER_MAIL_FROM")"
        printf '        smarthost: %s\n' "$(quoted "$STRESSVISION_ALERTMANAGER_MAIL_SERVER")"
        printf '        require_tls: %s\n' "${STRESSVISION_ALERTMANAGER_MAIL_TLS:-true}"
        printf '        send_resolved: true\n'
        if [ -n "${STRESSVISION_ALERTMANAGER_MAIL_USER:-}" ]; then
            printf '        auth_username: %s\n' "$(quoted "$STRESSVISION_ALERTMANAGER_MAIL_USER")"
            printf '        auth_password: %s\n' "$(quoted "${STRESSVISION_ALERTMANAGER_MAIL_PASSWORD:-}")"
        fi
    fi
}

if [ -n "${STRESSVISION_ALERTMANAGER_WEBHOOK_URL:-}${STRESSVISION_ALERTMANAGER_MAIL_TO:-}" ]; then
    if [ -n "${STRESSVISION_ALERTMANAGER_MAIL_TO:-}" ] &&
        { [ -z "${STRESSVISION_ALERTMANAGER_MAIL_FROM:-}" ] || [ -z "${STRESSVISION_ALERTMANAGER_MAIL_SERVER:-}" ]; }; then
        fail "with STRESSVISION_ALERTMANAGER_MAIL_TO set _MAIL_FROM and _MAIL_SERVER (host:port), too"
    fi
    [ "$(tail -n 1 "$settings")" = "  - name: operators" ] ||
        fail "$settings has receivers of its own; leave STRESSVISION_ALERTMANAGER_WEBHOOK_URL and _MAIL_TO empty"
    { cat "$settings" && receivers; } > "$folder/alertmanager.yml.new"
    mv "$folder/alertmanager.yml.new" "$folder/alertmanager.yml"
    settings=$folder/alertmanager.yml
fi
exec "$program" "--config.file=$settings" "--storage.path=$folder" "$@"
