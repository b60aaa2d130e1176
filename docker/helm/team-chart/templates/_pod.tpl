{{/* The pod as the team has it, but for where the application listens. */}}
{{- define "quotes.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: web
    image: {{ .Values.image }}
    command: ["uvicorn", "main:app"]
    env:
      # In the place of --host and --port; {socket} and {shutdown} are filled in by sheaf.podSpec.
      - name: UVICORN_UDS
        value: "{socket}"
      - name: UVICORN_FORWARDED_ALLOW_IPS
        value: "*"
      - name: UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN
        value: "{shutdown}"
    resources:
      requests: {cpu: 250m, memory: 256Mi}
      limits: {memory: 512Mi}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: ["ALL"]}
{{- end -}}
