{{/* What the names of the chart's objects begin with. The longest suffix is "-dashboard-operations". */}}
{{- define "moorage.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "moorage.operator.name" -}}{{ include "moorage.fullname" . }}-operator{{- end -}}
{{- define "moorage.ledger.name" -}}{{ include "moorage.fullname" . }}-ledger{{- end -}}
{{- define "moorage.admin.name" -}}{{ include "moorage.fullname" . }}-admin{{- end -}}
{{- define "moorage.uninstall.name" -}}{{ include "moorage.fullname" . }}-uninstall{{- end -}}
{{- define "moorage.test.name" -}}{{ include "moorage.fullname" . }}-test{{- end -}}

{{/* The user name of a ServiceAccount of the release: (list . NAME). */}}
{{- define "moorage.userName" -}}
{{- $root := index . 0 -}}
system:serviceaccount:{{ $root.Release.Namespace }}:{{ index . 1 }}
{{- end -}}

{{/* Selects the pods of a component: (list . COMPONENT). Never changes between versions: a Deployment's selector cannot. */}}
{{- define "moorage.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: moorage
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object: (list . COMPONENT). */}}
{{- define "moorage.labels" -}}
{{- $root := index . 0 -}}
{{ include "moorage.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: moorage
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* repository:tag or repository@digest: (list . IMAGE). */}}
{{- define "moorage.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Where KubeRay's operator runs. */}}
{{- define "moorage.kuberay.namespace" -}}
{{- .Values.kuberay.namespace | default (ternary .Release.Namespace "kuberay-system" .Values.kuberay.enabled) -}}
{{- end -}}

{{- define "moorage.ledger.url" -}}
http://{{ include "moorage.ledger.name" . }}.{{ .Release.Namespace }}.svc:8080
{{- end -}}

{{/* "true" where the cluster has the Prometheus operator's CRDs and monitoring is wanted. */}}
{{- define "moorage.monitors" -}}
{{- if and .Values.monitoring.enabled (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}true{{- end -}}
{{- end -}}

{{/* A text with its words between @ filled in: (list . TEXT). For rules and dashboards, whose own braces Helm must not read. */}}
{{- define "moorage.fill" -}}
{{- $root := index . 0 -}}
{{- $text := index . 1 -}}
{{- $words := dict
  "operator" (include "moorage.operator.name" $root)
  "ledger" (include "moorage.ledger.name" $root)
  "namespace" $root.Release.Namespace -}}
{{- range $word, $value := merge $words $root.Values.monitoring.rules -}}
{{- $text = $text | replace (printf "@%s@" $word) (toString $value) -}}
{{- end -}}
{{- $text -}}
{{- end -}}
