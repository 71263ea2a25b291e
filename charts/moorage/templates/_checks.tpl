{{/* What values.schema.json cannot say. Included once, by the operator's ConfigMap. */}}
{{- define "moorage.checks" -}}
{{- $ledger := .Values.ledger -}}
{{- if and $ledger.postgresql.existingSecret $ledger.persistence.existingClaim -}}
{{- fail "ledger: the ledger is in PostgreSQL or on a volume, not in both; set ledger.postgresql.existingSecret or ledger.persistence.existingClaim" -}}
{{- end -}}
{{- range $name, $pool := .Values.nodePools -}}
{{- if and $pool.runtimeClassName (not $pool.gpuResourceName) -}}
{{- fail (printf "nodePools.%s.runtimeClassName: is of GPU pods, and the pool has no GPUs; set nodePools.%s.gpuResourceName as well, e.g. nvidia.com/gpu" $name $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.crds.install (ne (len (.Files.Glob "files/crds/*.yaml")) 5) -}}
{{- fail "crds: the chart does not hold Moorage's five definitions; run hack/generate-chart-crds" -}}
{{- end -}}
{{- end -}}
