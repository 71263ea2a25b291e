{{/* The ledger's settings: moorage_billing.service.settings.ServiceSettings. */}}
{{- define "moorage.ledger.settings" -}}
{{- $administrators := .Values.ledger.administrators -}}
{{- if .Values.adminServiceAccount.create -}}
{{- $administrators = prepend $administrators (include "moorage.userName" (list . (include "moorage.admin.name" .))) -}}
{{- end -}}
{{- $settings := dict
  "host" "0.0.0.0"
  "port" 8080
  "audience" .Values.ledger.audience
  "operator" (include "moorage.userName" (list . (include "moorage.operator.name" .)))
  "administrators" ($administrators | uniq)
  "authentication" "TokenReview"
  "threads" .Values.ledger.threads -}}
{{- if .Values.ledger.postgresql.existingSecret -}}
{{- $settings = set $settings "ledgerFile" "/var/run/secrets/moorage/database/url" -}}
{{- else -}}
{{- $settings = set $settings "ledger" "sqlite:////var/lib/moorage/ledger.db" -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}
