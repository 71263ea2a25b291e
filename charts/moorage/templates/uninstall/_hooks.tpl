{{/* Annotations of what is made before an uninstall: (list . WEIGHT). What refused stays, to be read. */}}
{{- define "moorage.uninstall.annotations" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- define "moorage.uninstall.rules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
{{- end -}}
