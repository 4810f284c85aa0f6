#!/bin/sh
# Writes the configuration of Alertmanager into the folder $1: a receiver for
# each destination that is given, none for those that are not. Secrets stay in
# their files, of which only the names are written.
#
#   ENVIRONMENT, GRAFANA_URL, JAEGER_URL    shown in every message
#   EMAIL_TO, EMAIL_FROM, SMTP_HOST=host:port, SMTP_USERNAME, $SECRETS_DIR/smtp_password
#   SLACK_CHANNEL, $SECRETS_DIR/slack_webhook_url
#   WEBHOOK_URL                             gets every alert as JSON
#   $SECRETS_DIR/pagerduty_routing_key          critical alerts only
set -eu

out=$1
here=$(dirname "$0")
secrets=${SECRETS_DIR:-/run/secrets/alertmanager}
mkdir -p "$out"

# fail FIX ends with what is missing.
fail() {
	echo "alertmanager: $1" >&2
	exit 1
}
# quote VALUE prints it as a YAML string in which no value can break out.
quote() {
	case $1 in *"
"*) fail "a setting holds a line break" ;; esac
	printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"
}
# escaped VALUE may stand on the right of sed's s|||.
escaped() { printf %s "$1" | sed 's/[\\&|]/\\&/g'; }

[ ! -d "$secrets" ] || ls "$secrets" >/dev/null || fail "the folder of secrets can't be read by the user $(id -u)"

sed -e "s|@ENVIRONMENT@|$(escaped "${ENVIRONMENT:-production}")|g" \
	-e "s|@GRAFANA_URL@|$(escaped "${GRAFANA_URL:-http://localhost:3000}")|g" \
	-e "s|@JAEGER_URL@|$(escaped "${JAEGER_URL:-http://localhost:16686}")|g" \
	"$here/templates/orchestrall.tmpl" >"$out/orchestrall.tmpl"

receivers=
if [ -n "${EMAIL_TO:-}" ]; then
	[ -n "${SMTP_HOST:-}" ] || fail "EMAIL_TO needs SMTP_HOST, such as mail.example.com:587"
	[ -n "${EMAIL_FROM:-}" ] || fail "EMAIL_TO needs EMAIL_FROM"
	receivers="$receivers
    email_configs:
      - to: $(quote "$EMAIL_TO")
        from: $(quote "$EMAIL_FROM")
        smarthost: $(quote "$SMTP_HOST")
        send_resolved: true
        headers: {Subject: '{{ template \"orchestrall.title\" . }}'}
        text: '{{ template \"orchestrall.text\" . }}'
        html: '{{ template \"orchestrall.html\" . }}'"
	if [ -n "${SMTP_USERNAME:-}" ]; then
		[ -s "$secrets/smtp_password" ] || fail "SMTP_USERNAME needs the file $secrets/smtp_password"
		receivers="$receivers
        auth_username: $(quote "$SMTP_USERNAME")
        auth_password_file: $(quote "$secrets/smtp_password")"
	fi
fi
if [ -n "${SLACK_CHANNEL:-}" ]; then
	[ -s "$secrets/slack_webhook_url" ] || fail "SLACK_CHANNEL needs the file $secrets/slack_webhook_url"
	receivers="$receivers
    slack_configs:
      - channel: $(quote "$SLACK_CHANNEL")
        api_url_file: $(quote "$secrets/slack_webhook_url")
        send_resolved: true
        color: '{{ template \"orchestrall.color\" . }}'
        title: '{{ template \"orchestrall.title\" . }}'
        title_link: '{{ template \"orchestrall.dashboard\" . }}'
        text: '{{ template \"orchestrall.text\" . }}'"
fi
if [ -n "${WEBHOOK_URL:-}" ]; then
	receivers="$receivers
    webhook_configs:
      - url: $(quote "$WEBHOOK_URL")
        send_resolved: true"
fi
pager=
if [ -s "$secrets/pagerduty_routing_key" ]; then
	pager="
    pagerduty_configs:
      - routing_key_file: $(quote "$secrets/pagerduty_routing_key")
        send_resolved: true
        severity: critical
        description: '{{ template \"orchestrall.title\" . }}'
        links:
          - {text: Dashboard, href: '{{ template \"orchestrall.dashboard\" . }}'}
          - {text: Traces, href: '{{ template \"orchestrall.traces\" . }}'}"
fi
[ -n "$receivers$pager" ] || echo "alertmanager: no receiver is configured; alerts are shown on its own page only" >&2

{
	cat "$here/alertmanager.yml"
	printf '\nreceivers:\n  - name: everybody%s\n  - name: on call%s%s\n' "$receivers" "$receivers" "$pager"
	printf "\ntemplates: ['%s/orchestrall.tmpl']\n" "$out"
} >"$out/alertmanager.yml"
