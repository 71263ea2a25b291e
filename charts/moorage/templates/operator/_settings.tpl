{{/* The operator's settings: moorage_operator.settings.OperatorSettings. */}}
{{- define "moorage.operator.settings" -}}
{{- $images := dict
  "runtime" (include "moorage.image" (list . .Values.images.runtime))
  "pullPolicy" .Values.images.runtime.pullPolicy
  "pullSecrets" .Values.images.runtime.pullSecrets -}}
{{- $storage := pick .Values.workloads.storage "claim" "accessModes" "size" -}}
{{- with .Values.workloads.storage.storageClassName -}}
{{- $storage = set $storage "storageClassName" . -}}
{{- end -}}
{{- $settings := dict
  "namespace" .Release.Namespace
  "watchNamespaces" (.Values.watchNamespaces | uniq)
  "kuberayNamespace" (include "moorage.kuberay.namespace" .)
  "ledger" (dict "url" (include "moorage.ledger.url" .) "audience" .Values.ledger.audience)
  "images" $images
  "rayVersion" .Values.workloads.rayVersion
  "storage" $storage
  "nodePools" .Values.nodePools
  "head" .Values.workloads.head
  "workerMemory" .Values.workloads.workerMemory
  "queueSystem" .Values.workloads.queueSystem
  "rolloutDeadlineSeconds" .Values.operator.rolloutDeadlineSeconds
  "podMonitors" (and .Values.monitoring.enabled .Values.monitoring.podMonitors.enabled)
  "podMonitorLabels" .Values.monitoring.labels
  "workers" .Values.operator.workers
  "driftSeconds" .Values.operator.driftSeconds
  "meteringSeconds" .Values.operator.meteringSeconds
  "httpPort" 8080 -}}
{{- with .Values.monitoring.namespace -}}
{{- $settings = set $settings "monitoringNamespace" . -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}
