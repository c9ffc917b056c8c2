# The external load balancer in front of the forwarding gate.
resource "google_compute_global_address" "proxy" {
  for_each = local.proxy

  project = var.project_id
  name    = each.value.name

  depends_on = [google_project_service.this]
}

resource "google_compute_region_network_endpoint_group" "proxy" {
  for_each = local.proxy

  project               = var.project_id
  region                = var.region
  name                  = each.value.name
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = module.proxy[0].name
  }
}

resource "google_compute_backend_service" "proxy" {
  for_each = local.proxy

  project               = var.project_id
  name                  = each.value.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = each.value.security_policy

  backend {
    group = google_compute_region_network_endpoint_group.proxy[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "proxy" {
  for_each = local.proxy

  project         = var.project_id
  name            = each.value.name
  default_service = google_compute_backend_service.proxy[each.key].id
}

resource "google_compute_ssl_policy" "proxy" {
  for_each = local.proxy

  project         = var.project_id
  name            = each.value.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"

  depends_on = [google_project_service.this]
}

resource "google_compute_target_https_proxy" "proxy" {
  for_each = local.proxy

  project         = var.project_id
  name            = each.value.name
  url_map         = google_compute_url_map.proxy[each.key].id
  ssl_policy      = google_compute_ssl_policy.proxy[each.key].id
  certificate_map = "//certificatemanager.googleapis.com/${google_certificate_manager_certificate_map.proxy[each.key].id}"
}

resource "google_compute_global_forwarding_rule" "proxy" {
  for_each = local.proxy

  project               = var.project_id
  name                  = each.value.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.proxy[each.key].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.proxy[each.key].id
}
