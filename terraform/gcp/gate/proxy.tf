# The forwarding gate stands where gcloud looks for the Cloud Run API. gcloud sends access tokens, which
# Cloud Run's IAM does not take, so this is a service of its own that IAM lets everybody through to; it is
# reached by the load balancer only, and the API behind it decides who may do what, as ever. It asks the gate,
# and reads neither database nor registry.
module "proxy" {
  source = "../function"
  count  = var.proxy == null ? 0 : 1

  project_id  = var.project_id
  region      = var.region
  name        = var.proxy.name
  description = "Decides about calls of the Cloud Run API and forwards them."
  image       = var.proxy.image
  config = merge(
    {
      projects = length(var.project_numbers) > 0 ? var.project_numbers : null
      forward = {
        hosts = ["run.${var.proxy.domain}", "*-run.${var.proxy.domain}"]
        gate  = { url = module.gate.url, audience = local.audience }
      }
    },
    var.proxy.config
  )
  ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  public  = true

  timeout_seconds = 300
  instances       = { min = 1, max = var.instances.max }
  protect         = var.protect
  labels          = var.labels

  depends_on = [google_project_service.this]
}

locals {
  proxy = var.proxy == null ? {} : { (var.proxy.domain) = var.proxy }
  # gcloud puts `REGION-` before the host, which therefore is one of many: hence the wildcard.
  proxy_hosts = var.proxy == null ? {} : { apex = var.proxy.domain, any = "*.${var.proxy.domain}" }
}

# A wildcard's certificate takes a proof by DNS.
resource "google_certificate_manager_dns_authorization" "proxy" {
  for_each = local.proxy

  project = var.project_id
  name    = each.value.name
  domain  = each.key

  depends_on = [google_project_service.this]
}

resource "google_certificate_manager_certificate" "proxy" {
  for_each = local.proxy

  project = var.project_id
  name    = each.value.name
  labels  = var.labels

  managed {
    domains            = values(local.proxy_hosts)
    dns_authorizations = [google_certificate_manager_dns_authorization.proxy[each.key].id]
  }
}

resource "google_certificate_manager_certificate_map" "proxy" {
  for_each = local.proxy

  project = var.project_id
  name    = each.value.name
  labels  = var.labels

  depends_on = [google_project_service.this]
}

resource "google_certificate_manager_certificate_map_entry" "proxy" {
  for_each = local.proxy_hosts

  project      = var.project_id
  name         = "${var.proxy.name}-${each.key}"
  map          = google_certificate_manager_certificate_map.proxy[var.proxy.domain].name
  certificates = [google_certificate_manager_certificate.proxy[var.proxy.domain].id]
  hostname     = each.value
}

resource "google_dns_record_set" "proxy_proof" {
  for_each = { for domain, proxy in local.proxy : domain => proxy if proxy.managed_zone != null }

  project      = coalesce(each.value.dns_project_id, var.project_id)
  managed_zone = each.value.managed_zone
  name         = google_certificate_manager_dns_authorization.proxy[each.key].dns_resource_record[0].name
  type         = google_certificate_manager_dns_authorization.proxy[each.key].dns_resource_record[0].type
  ttl          = 300
  rrdatas      = [google_certificate_manager_dns_authorization.proxy[each.key].dns_resource_record[0].data]
}

resource "google_dns_record_set" "proxy" {
  for_each = { for key, host in local.proxy_hosts : key => host if try(var.proxy.managed_zone, null) != null }

  project      = coalesce(var.proxy.dns_project_id, var.project_id)
  managed_zone = var.proxy.managed_zone
  name         = "${each.value}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.proxy[var.proxy.domain].address]
}
