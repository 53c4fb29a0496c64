# Makes the secrets once, starts the stack, has the doctor inside prove it. -Secrets makes the secrets only, -Name further
# ones. -Down stops it, and with -Volumes deletes its data; the secrets stay.
param([switch]$Secrets, [string[]]$Name = @(), [switch]$Down, [switch]$Volumes)
$ErrorActionPreference = 'Stop'
# Exit codes are looked at below.
$PSNativeCommandUseErrorActionPreference = $false

function Invoke-Compose {
    docker compose -f compose.yaml @args
    if ($LASTEXITCODE -ne 0) { throw "docker compose $args ended with $LASTEXITCODE" }
}

# Waits until a service is connected and serves.
function Wait-Ready([string]$Service) {
    # What docker writes to its error output is no error here.
    $ErrorActionPreference = 'Continue'
    $timeout = if ($env:READY_TIMEOUT) { [int]$env:READY_TIMEOUT } else { 60 }
    $giveUp = (Get-Date).AddSeconds($timeout)
    while ($true) {
        $said = docker compose -f compose.yaml exec -T $Service entrypoint.sh health 2>&1
        if ($LASTEXITCODE -eq 0) { return }
        if ((Get-Date) -ge $giveUp) { throw "$Service is not ready: $said" }
        Start-Sleep -Seconds 1
    }
}

Push-Location $PSScriptRoot
try {
    if ($Down) {
        if ($Volumes) { Invoke-Compose down --volumes } else { Invoke-Compose down }
        Write-Output 'setup: stopped; secrets/ stays'
        return
    }

    New-Item -ItemType Directory -Force secrets | Out-Null
    foreach ($each in @('github_webhook_secret', 'doctor_secret') + $Name) {
        if ($each -cnotmatch '^[a-z0-9_]+$') { throw "$each is no name of a secret" }
        $file = Join-Path 'secrets' $each
        if (Test-Path $file -PathType Container) { throw "$file is a folder, made by a start without it; remove it" }
        if (Test-Path $file) {
            if ((Get-Item $file).Length -eq 0) { throw "$file is empty; remove it" }
            continue
        }
        $bytes = New-Object byte[] 36
        [System.Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
        [System.IO.File]::WriteAllText((Join-Path $PSScriptRoot $file), [Convert]::ToBase64String($bytes))
        Write-Output "setup: made $file"
    }
    if ($Secrets) { return }

    Invoke-Compose up -d
    Wait-Ready inbound
    Wait-Ready relay
    Invoke-Compose exec -T inbound entrypoint.sh doctor
    $port = if ($env:BRIDGE_PORT) { $env:BRIDGE_PORT } else { '8080' }
    Write-Output "Webhooks are taken at http://127.0.0.1:$port/hooks/github; the secret is in secrets/github_webhook_secret."
}
finally {
    Pop-Location
}
