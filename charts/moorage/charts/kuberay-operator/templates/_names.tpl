{{- define "kuberay.name" -}}{{ .Release.Name | replace "." "-" | trunc 40 | trimSuffix "-" }}-kuberay-operator{{- end -}}

{{- define "kuberay.namespace" -}}{{ .Values.namespace | default .Release.Namespace }}{{- end -}}

{{/* Never changes between versions: a Deployment's selector cannot. */}}
{{- define "kuberay.selectorLabels" -}}
app.kubernetes.io/name: kuberay
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: kuberay-operator
{{- end -}}

{{- define "kuberay.labels" -}}
{{ include "kuberay.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: kuberay-operator-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}
