// Event Bus Bridge on Azure Container Apps: both services, and an identity that reads the secrets from Key Vault.
// NATS is not here: it needs disks of its own. README.md says how it is reached.
targetScope = 'resourceGroup'

@description('Begin of the names of what is made')
@minLength(2)
@maxLength(20)
param name string = 'event-bus'

param location string = resourceGroup().location

@description('The image, by its digest: registry/event-bus@sha256:...')
param image string

@description('Address of the NATS servers as the apps see it, such as tls://nats.example.internal:4222')
param natsUrl string

@description('Existing Key Vault in this resource group, with the secrets github-webhook-secret, doctor-secret and bus-creds')
param keyVaultName string

@description('Subnet for the apps, delegated to Microsoft.App/environments, from which NATS is reached')
param infrastructureSubnetId string

@description('Whether webhooks may come from the internet')
param externalIngress bool = true

@minValue(1)
param minReplicas int = 2

@minValue(1)
param maxReplicas int = 4

@description('Existing Log Analytics workspace in this resource group')
param workspaceName string

var configuration = loadTextContent('event-bus.toml')
// Key Vault Secrets User
var readsSecrets = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: keyVaultName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, readsSecrets)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: readsSecrets
  }
}

resource apps 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: name
  location: location
  properties: {
    vnetConfiguration: {
      infrastructureSubnetId: infrastructureSubnetId
      internal: !externalIngress
    }
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: workspace.properties.customerId
        sharedKey: workspace.listKeys().primarySharedKey
      }
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

resource inbound 'Microsoft.App/containerApps@2024-03-01' = {
  name: '${name}-inbound'
  location: location
  dependsOn: [
    access
  ]
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    managedEnvironmentId: apps.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: externalIngress
        targetPort: 8080
        transport: 'http'
        allowInsecure: false
      }
      secrets: [
        {
          name: 'configuration'
          value: configuration
        }
        {
          name: 'github-webhook-secret'
          keyVaultUrl: '${vault.properties.vaultUri}secrets/github-webhook-secret'
          identity: identity.id
        }
        {
          name: 'doctor-secret'
          keyVaultUrl: '${vault.properties.vaultUri}secrets/doctor-secret'
          identity: identity.id
        }
        {
          name: 'bus-creds'
          keyVaultUrl: '${vault.properties.vaultUri}secrets/bus-creds'
          identity: identity.id
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 40
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        rules: [
          {
            name: 'requests'
            http: {
              metadata: {
                concurrentRequests: '200'
              }
            }
          }
        ]
      }
      volumes: [
        {
          name: 'secrets'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'configuration'
              path: 'event-bus.toml'
            }
            {
              secretRef: 'github-webhook-secret'
              path: 'github_webhook_secret'
            }
            {
              secretRef: 'doctor-secret'
              path: 'doctor_secret'
            }
            {
              secretRef: 'bus-creds'
              path: 'bus.creds'
            }
          ]
        }
      ]
      containers: [
        {
          name: 'inbound'
          image: image
          args: [
            'serve-inbound'
          ]
          env: [
            {
              name: 'EVENT_BUS_CONFIG'
              value: '/run/secrets/event-bus.toml'
            }
            {
              name: 'EVENT_BUS__BUS__URL'
              value: natsUrl
            }
            {
              name: 'EVENT_BUS__INBOUND__ADMIN_LISTEN'
              value: '0.0.0.0:9080'
            }
          ]
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          volumeMounts: [
            {
              volumeName: 'secrets'
              mountPath: '/run/secrets'
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/livez'
                port: 9080
              }
              periodSeconds: 6
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/livez'
                port: 9080
              }
              periodSeconds: 10
              failureThreshold: 3
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 9080
              }
              periodSeconds: 5
              failureThreshold: 2
            }
          ]
        }
      ]
    }
  }
}

resource relay 'Microsoft.App/containerApps@2024-03-01' = {
  name: '${name}-relay'
  location: location
  dependsOn: [
    access
  ]
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    managedEnvironmentId: apps.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      secrets: [
        {
          name: 'configuration'
          value: configuration
        }
        {
          name: 'doctor-secret'
          keyVaultUrl: '${vault.properties.vaultUri}secrets/doctor-secret'
          identity: identity.id
        }
        {
          name: 'bus-creds'
          keyVaultUrl: '${vault.properties.vaultUri}secrets/bus-creds'
          identity: identity.id
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 40
      scale: {
        minReplicas: minReplicas
        maxReplicas: minReplicas
      }
      volumes: [
        {
          name: 'secrets'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'configuration'
              path: 'event-bus.toml'
            }
            {
              secretRef: 'doctor-secret'
              path: 'doctor_secret'
            }
            {
              secretRef: 'bus-creds'
              path: 'bus.creds'
            }
          ]
        }
      ]
      containers: [
        {
          name: 'relay'
          image: image
          args: [
            'relay-outbound'
          ]
          env: [
            {
              name: 'EVENT_BUS_CONFIG'
              value: '/run/secrets/event-bus.toml'
            }
            {
              name: 'EVENT_BUS__BUS__URL'
              value: natsUrl
            }
            {
              name: 'EVENT_BUS__OUTBOUND__ADMIN_LISTEN'
              value: '0.0.0.0:9081'
            }
          ]
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          volumeMounts: [
            {
              volumeName: 'secrets'
              mountPath: '/run/secrets'
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/livez'
                port: 9081
              }
              periodSeconds: 6
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/livez'
                port: 9081
              }
              periodSeconds: 10
              failureThreshold: 3
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 9081
              }
              periodSeconds: 5
              failureThreshold: 2
            }
          ]
        }
      ]
    }
  }
}

output webhooks string = 'https://${inbound.properties.configuration.ingress.fqdn}/hooks/github'
