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

{{- /* The ports of the listeners that `service.listeners` names, each once. A listener at the first one's port, such
as one for IPv6, is reached by that one's name. Each is named by its position: the names of listeners may be longer than
Kubernetes allows. */ -}}
{{- define "vestibule.furtherPorts" -}}
{{- $listeners := .Values.config.listeners }}
{{- $known := list (include "vestibule.port" (index $listeners 0).address) }}
{{- $admin := include "vestibule.port" .Values.config.admin.address }}
{{- $service := toString (int .Values.service.port) }}
{{- range $name := .Values.service.listeners }}
{{- $isFound := false }}
{{- range $index, $listener := $listeners }}
{{- if eq $name (toString (default "" $listener.name)) }}
{{- $isFound = true }}
{{- $port := regexFind ":[0-9]+$" $listener.address | trimPrefix ":" }}
{{- if or (not $port) (regexMatch "^(127\\.|\\[::1\\]|localhost)" $listener.address) }}
{{- fail (printf "service.listeners: %s is at %s, where nobody outside the pod reaches it" $name $listener.address) }}
{{- end }}
{{- if not (has $port $known) }}
{{- if eq $port $admin }}
{{- fail (printf "service.listeners: %s has the port of config.admin, %s" $name $port) }}
{{- end }}
{{- if eq $port $service }}
{{- fail (printf "service.listeners: %s has the port %s, which is service.port: choose another one for either" $name $port) }}
{{- end }}
{{- $known = append $known $port }}
- name: listener-{{ $index }}
  port: {{ $port | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if not $isFound }}
{{- fail (printf "service.listeners: no listener of config.listeners has the name %s" $name) }}
{{- end }}
{{- end }}
{{- end -}}
