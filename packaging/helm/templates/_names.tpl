{{- define "vestibule.name" -}}
{{- if contains "vestibule" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-vestibule" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vestibule.selector" -}}
app.kubernetes.io/name: vestibule
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "vestibule.labels" -}}
{{ include "vestibule.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* The port behind the last colon of an address of the configuration. */ -}}
{{- define "vestibule.port" -}}
{{- regexFind "[0-9]+$" . | required (printf "%s has no port" .) -}}
{{- end -}}

{{- /* The listeners behind the first one that are reached from outside the pod, with a name for each port: those of
listeners may be longer than Kubernetes allows. */ -}}
{{- define "vestibule.furtherPorts" -}}
{{- range $index, $listener := .Values.config.listeners }}
{{- $port := regexFind ":[0-9]+$" $listener.address | trimPrefix ":" }}
{{- $isLocal := regexMatch "^(127\\.|\\[::1\\]|localhost)" $listener.address }}
{{- if and (gt $index 0) $port (not $isLocal) }}
- name: listener-{{ $index }}
  port: {{ $port | quote }}
{{- end }}
{{- end }}
{{- end -}}
