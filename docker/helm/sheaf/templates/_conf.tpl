{{/*
sheaf.conf, from the value `config` or `rawConfig`. What follows from other values (ports, sockets) is filled in, unless
`config` says otherwise; of `rawConfig` nothing is changed, only checked (_checks.tpl).
*/}}

{{/* The path of the socket of process `number` (from 1). Takes a dict: sheaf, number. */}}
{{- define "sheaf.socket" -}}
{{- if eq (int .sheaf.Values.app.processes) 1 -}}/run/app/app.sock{{- else -}}/run/app/{{ .number }}.sock{{- end -}}
{{- end -}}

{{/* "yes" where Sheaf reaches the application over the sockets, as it does unless the configuration names an address. */}}
{{- define "sheaf.onSockets" -}}
{{- $upstream := (include "sheaf.config" . | fromYaml).upstream | default dict -}}
{{- $urls := concat (list ($upstream.url | default "")) ($upstream.urls | default list) -}}
{{- if contains "unix:/run/app/" (join " " $urls) -}}yes{{- end -}}
{{- end -}}

{{/* The configuration as a map (YAML): what other templates ask for its times and addresses. */}}
{{- define "sheaf.config" -}}
{{- if .Values.rawConfig -}}
{{- $config := fromToml .Values.rawConfig -}}
{{- if $config.Error -}}{{- fail (printf "rawConfig is not TOML: %s" $config.Error) -}}{{- end -}}
{{- toYaml $config -}}
{{- else -}}
{{- $config := dict "listen" (dict "address" (printf ":%d" (int .Values.ports.http))) -}}
{{- $_ := set $config "admin" (dict "address" (printf ":%d" (int .Values.ports.admin))) -}}
{{- $config = mergeOverwrite $config (deepCopy .Values.config) -}}
{{- $upstream := $config.upstream | default dict -}}
{{- if not (or $upstream.url $upstream.urls) -}}
{{- $urls := list -}}
{{- range $number := until (int .Values.app.processes) -}}
{{- $urls = append $urls (printf "unix:%s" (include "sheaf.socket" (dict "sheaf" $ "number" (add1 $number)))) -}}
{{- end -}}
{{- $found := ternary (dict "url" (first $urls)) (dict "urls" $urls) (eq (len $urls) 1) -}}
{{- $_ = set $config "upstream" (merge $upstream $found) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
{{- end -}}

{{/* The text of sheaf.conf. */}}
{{- define "sheaf.conf" -}}
{{- if .Values.rawConfig -}}
{{- .Values.rawConfig -}}
{{- else -}}
# From the values of the chart {{ .Chart.Name }} {{ .Chart.Version }}. What is not here has its default: conf/OPTIONS.md.
{{ include "sheaf.toml" (include "sheaf.config" . | fromYaml) }}
{{- end -}}
{{- end -}}

{{/*
A map as TOML, as deep as sheaf.conf goes: plain options, then [sections], then [[lists]] of them. Helm's toToml writes
whole numbers as 10.0, which no option takes.
*/}}
{{- define "sheaf.toml" -}}
{{- $plain := dict -}}
{{- $sections := list -}}
{{- $lists := list -}}
{{- range $key, $value := . -}}
{{- if kindIs "map" $value -}}
{{- $sections = append $sections (printf "[%s]\n%s" $key (include "sheaf.tomlKeys" $value)) -}}
{{- else if eq (include "sheaf.isTables" $value) "yes" -}}
{{- range $table := $value -}}
{{- $lists = append $lists (printf "[[%s]]\n%s" $key (include "sheaf.tomlKeys" $table)) -}}
{{- end -}}
{{- else -}}
{{- $_ := set $plain $key $value -}}
{{- end -}}
{{- end -}}
{{- concat (list (include "sheaf.tomlKeys" $plain)) $sections $lists | compact | join "\n" -}}
{{- end -}}

{{/* "yes" for a list of maps. */}}
{{- define "sheaf.isTables" -}}
{{- if kindIs "slice" . -}}{{- if . -}}{{- if kindIs "map" (first .) -}}yes{{- end -}}{{- end -}}{{- end -}}
{{- end -}}

{{/* A line for each key that has a value. */}}
{{- define "sheaf.tomlKeys" -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{ $key }} = {{ include "sheaf.tomlValue" $value }}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* A value, maps within lists included. JSON's escapes of texts are TOML's. YAML's numbers come as floats. */}}
{{- define "sheaf.tomlValue" -}}
{{- if kindIs "string" . -}}
{{- toRawJson . -}}
{{- else if kindIs "slice" . -}}
[{{- range $index, $one := . -}}{{- if $index }}, {{ end -}}{{- include "sheaf.tomlValue" $one -}}{{- end -}}]
{{- else if kindIs "map" . -}}
{ {{- $comma := "" -}}{{- range $key, $value := . -}}{{ $comma }} {{ $key }} = {{ include "sheaf.tomlValue" $value }}{{- $comma = "," -}}{{- end }} }
{{- else if kindIs "bool" . -}}
{{- . -}}
{{- else -}}
{{- int64 . -}}
{{- end -}}
{{- end -}}
