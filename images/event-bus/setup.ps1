# Makes the secrets once, starts the stack, has the doctor inside prove it. -Down stops it; the secrets stay.
param([switch]$Down)
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot

if ($Down) {
    docker compose -f compose.yaml down --volumes
    Write-Output 'setup: stopped; secrets/ stays'
    exit $LASTEXITCODE
}

New-Item -ItemType Directory -Force secrets | Out-Null
foreach ($name in 'github_webhook_secret', 'doctor_secret') {
    $file = Join-Path 'secrets' $name
    if (Test-Path $file) { continue }
    $bytes = New-Object byte[] 36
    [System.Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
    [System.IO.File]::WriteAllText((Join-Path $PSScriptRoot $file), [Convert]::ToBase64String($bytes))
    Write-Output "setup: made $file"
}
docker compose -f compose.yaml up -d
docker compose -f compose.yaml exec -T inbound event-bus doctor
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
Write-Output 'Webhooks are taken at http://127.0.0.1:8080/hooks/github; the secret is in secrets/github_webhook_secret.'
