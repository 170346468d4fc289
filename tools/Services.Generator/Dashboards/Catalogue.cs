namespace Services.Generator.Dashboards;

/// <summary>The dashboards that <c>make observe</c> provisions Grafana with.</summary>
public static class Catalogue
{
    /// <summary>Where their files lie.</summary>
    public const string Folder = "deploy/observability/dashboards";

    public static IReadOnlyList<Dashboard> All { get; } =
    [
        new(
            "objectives", "Objectives", [
            .. Objectives.Select(o => Panel.Number(o.Title, "percentunit", $"1 - slo:errors:ratio1h{{slo=\"{o.Name}\"}}") with
            {
                Description = $"Of the last hour. Promised: {o.Promised}. What is counted: docs/operate/alerts.md.",
            }),
            Panel.Number("Alerts that fire", "short", """count(ALERTS{alertstate="firing"}) or vector(0)"""),
            new("Rate at which budgets are used up, of 5 minutes", "short", new Query("slo:errors:ratio5m / slo:budget:ratio", "{{slo}}"))
            {
                Width = 12, Description = "At 1 the budget of 30 days lasts for 30 days; at 14.4 and more, here and over an hour, somebody is called.",
            },
            new("of an hour", "short", new Query("slo:errors:ratio1h / slo:budget:ratio", "{{slo}}")) { Width = 12 },
            new("of 6 hours", "short", new Query("slo:errors:ratio6h / slo:budget:ratio", "{{slo}}")) { Width = 12 },
            new("of a day", "short", new Query("slo:errors:ratio1d / slo:budget:ratio", "{{slo}}")) { Width = 12 },
            new("What there was", "reqps", new Query("slo:events:rate5m", "{{slo}}")) { Width = 12 },
            new("What of it was not as promised", "reqps", new Query("slo:errors:rate5m", "{{slo}}")) { Width = 12 }]),
        new(
            "order-flow", "Order flow",
            Panel.Number("Submitted", "short", "sum(increase(shop_orders_submitted_total[$__range]))"),
            Panel.Number("Reserved", "short", """sum(increase(shop_inventory_reservations_total{outcome="reserved"}[$__range]))"""),
            Panel.Number("Completed", "short", "sum(increase(shop_orders_completed_total[$__range]))"),
            Panel.Number("Failed", "short", "sum(increase(shop_orders_failed_total[$__range]))"),
            Panel.Number("Cancelled", "short", "sum(increase(shop_orders_cancelled_total[$__range]))"),
            Panel.Number("Not ended", "short", "sum(max by (state) (shop_fulfilments_open))"),
            new("Orders by what became of them", "reqps",
                new("sum(rate(shop_orders_submitted_total[$__rate_interval]))", "submitted"),
                new("sum(rate(shop_orders_completed_total[$__rate_interval]))", "completed"),
                new("sum(rate(shop_orders_failed_total[$__rate_interval]))", "failed"),
                new("sum(rate(shop_orders_cancelled_total[$__rate_interval]))", "cancelled")),
            Percentiles("From submitted to the end", "shop_orders_duration_seconds"),
            P95("Time in each step, p95", "shop_orders_step_duration_seconds", "state"),
            new("Open, by state", "short", new Query("max by (state) (shop_fulfilments_open)", "{{state}}")),
            new("The oldest in its state", "s", new Query("max by (state) (shop_fulfilments_oldest_age_seconds)", "{{state}}")),
            new("Failed and cancelled, by reason", "reqps",
                new("sum by (reason) (rate(shop_orders_failed_total[$__rate_interval]))", "failed: {{reason}}"),
                new("sum by (reason) (rate(shop_orders_cancelled_total[$__rate_interval]))", "cancelled: {{reason}}")),
            new("Answers of the payment provider", "reqps",
                new Query("sum by (operation, outcome) (rate(shop_payments_outcomes_total[$__rate_interval]))", "{{operation}}: {{outcome}}")),
            P95("Calls to the payment provider, p95", "shop_payments_call_duration_seconds", "operation"),
            new("Payments that nobody knows the outcome of", "short",
                new("max by (operation) (shop_payments_unknown)", "{{operation}}: unknown"),
                new("max by (operation) (shop_payments_stuck)", "{{operation}}: stuck")),
            new("Reservations", "reqps",
                new("sum by (outcome) (rate(shop_inventory_reservations_total[$__rate_interval]))", "{{outcome}}"),
                new("sum(rate(shop_inventory_stock_outs_total[$__rate_interval]))", "too little stock")),
            new("Mails, by outcome", "reqps", new Query("sum by (outcome) (rate(shop_mails_total[$__rate_interval]))", "{{outcome}}")),
            new("Webhook attempts, by outcome", "reqps", new Query("sum by (outcome) (rate(shop_webhooks_attempts_total[$__rate_interval]))", "{{outcome}}"))),
        new(
            "messaging", "Messaging",
            Panel.Number("Waits in the outboxes", "short", "sum(max by (job) (messaging_outbox_pending))"),
            Panel.Number("The oldest of them", "s", "max(messaging_outbox_oldest_age_seconds)"),
            Panel.Number("Parked", "short", "sum(max by (job) (messaging_outbox_parked))"),
            Panel.Number("Dead letters", "short", "sum(max by (job) (messaging_dead_letters_open))"),
            Panel.Number("Queues without consumer", "short", "sum(max by (job) (messaging_endpoints_idle))"),
            Panel.Number("Ready at the broker", "short", "sum(rabbitmq_detailed_queue_messages_ready)"),
            new("Outbox: rows that wait", "short",
                new("max by (job) (messaging_outbox_pending)", "{{job}}: to be sent"),
                new("max by (job) (messaging_outbox_scheduled)", "{{job}}: due later")),
            new("Outbox: age of the oldest row", "s", new Query("max by (job) (messaging_outbox_oldest_age_seconds)", "{{job}}")),
            P95("From due to confirmed, p95", "messaging_outbox_delivery_age_seconds", "job"),
            new("Delivered", "reqps",
                new("sum by (job) (rate(messaging_outbox_delivered_total[$__rate_interval]))", "{{job}}: broker"),
                new("sum by (job) (rate(messaging_local_delivered_total[$__rate_interval]))", "{{job}}: in the process")),
            new("Consumed, by queue", "reqps",
                new Query("sum by (messaging_destination_name) (rate(messaging_inbox_consumed_total[$__rate_interval]))", "{{messaging_destination_name}}")),
            P95("Time of a message in its consumer, p95", "messaging_process_duration_seconds", "messaging_destination_name"),
            new("Came again and were not handled again", "reqps",
                new Query("sum by (messaging_destination_name) (rate(messaging_inbox_duplicates_total[$__rate_interval]))", "{{messaging_destination_name}}")),
            new("Failed and put back for later", "reqps",
                new Query("sum by (messaging_destination_name) (rate(messaging_redeliveries_total[$__rate_interval]))", "{{messaging_destination_name}}")),
            new("Given up", "reqps",
                new Query("sum by (messaging_destination_name) (rate(messaging_dead_letters_added_total[$__rate_interval]))", "{{messaging_destination_name}}")),
            new("Ready at the broker, by queue", "short", new Query("sum by (queue) (rabbitmq_detailed_queue_messages_ready)", "{{queue}}")),
            new("The oldest message in hand", "s", new Query("max by (job) (messaging_endpoints_oldest_age_seconds)", "{{job}}")),
            new("Projections: age of what they lack", "s",
                new Query("max by (job, projection) (event_store_projection_lag_age_seconds)", "{{job}}: {{projection}}"))),
        new(
            "services", "Services",
            new("Up", "short", new Query("""sum by (job) (up{job!~"rabbitmq.*|postgres"})""", "{{job}}")),
            new("Requests", "reqps", new Query("sum by (job) (rate(http_server_request_duration_seconds_count[$__rate_interval]))", "{{job}}")),
            new("Share of requests that fail (5xx)", "percentunit", new Query(
                """
                sum by (job) (rate(http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[$__rate_interval]) or 0 * rate(http_server_request_duration_seconds_count[$__rate_interval]))
                  / sum by (job) (rate(http_server_request_duration_seconds_count[$__rate_interval]))
                """, "{{job}}")),
            P95("Time of a request, p95", "http_server_request_duration_seconds", "job"),
            P95("Time of a request, p95, by route", "http_server_request_duration_seconds", "job, http_route"),
            new("Requests that run", "short", new Query("sum by (job) (http_server_active_requests)", "{{job}}")),
            new("Requests to others, by answer", "reqps",
                new Query("sum by (job, http_response_status_code) (rate(http_client_request_duration_seconds_count[$__rate_interval]))", "{{job}}: {{http_response_status_code}}")),
            new("Database connections", "short",
                new("sum by (job, db_client_connection_state) (db_client_connection_count)", "{{job}}: {{db_client_connection_state}}"),
                new("sum by (job) (db_client_connection_max)", "{{job}}: at most")),
            P95("Time of a statement, p95", "db_client_operation_duration_seconds", "job"),
            new("Processor", "short", new Query("sum by (job) (rate(dotnet_process_cpu_time_seconds_total[$__rate_interval]))", "{{job}}")),
            new("Memory", "bytes", new Query("sum by (job) (dotnet_process_memory_working_set_bytes)", "{{job}}")),
            new("Share of time in garbage collection", "percentunit", new Query("sum by (job) (rate(dotnet_gc_pause_time_seconds_total[$__rate_interval]))", "{{job}}")),
            new("Collections", "reqps",
                new Query("sum by (job, gc_heap_generation) (rate(dotnet_gc_collections_total[$__rate_interval]))", "{{job}}: {{gc_heap_generation}}")),
            new("Work that waits for a thread", "short", new Query("sum by (job) (dotnet_thread_pool_queue_length_total)", "{{job}}")),
            new("Exceptions", "reqps", new Query("sum by (job, error_type) (rate(dotnet_exceptions_total[$__rate_interval]))", "{{job}}: {{error_type}}"))),
        new(
            "postgresql", "PostgreSQL",
            Panel.Number("Up", "short", "min(pg_up)"),
            Panel.Number("Connections", "short", "sum(pg_stat_activity_count)"),
            Panel.Number("of at most", "short", "max(pg_settings_max_connections)"),
            Panel.Number("Longest transaction", "s", "max(pg_stat_activity_max_tx_duration)"),
            Panel.Number("Size", "bytes", "sum(pg_database_size_bytes)"),
            Panel.Number("Deadlocks", "short", "sum(increase(pg_stat_database_deadlocks[$__range]))"),
            new("Connections, by database and state", "short", new Query("sum by (datname, state) (pg_stat_activity_count) > 0", "{{datname}}: {{state}}")),
            new("Transactions", "reqps",
                new("sum by (datname) (rate(pg_stat_database_xact_commit[$__rate_interval]))", "{{datname}}: committed"),
                new("sum by (datname) (rate(pg_stat_database_xact_rollback[$__rate_interval]))", "{{datname}}: rolled back")),
            new("Rows", "reqps",
                new("sum by (datname) (rate(pg_stat_database_tup_inserted[$__rate_interval]))", "{{datname}}: inserted"),
                new("sum by (datname) (rate(pg_stat_database_tup_updated[$__rate_interval]))", "{{datname}}: updated"),
                new("sum by (datname) (rate(pg_stat_database_tup_deleted[$__rate_interval]))", "{{datname}}: deleted")),
            new("Share of blocks found in memory", "percentunit", new Query(
                "sum by (datname) (pg_stat_database_blks_hit) / sum by (datname) (pg_stat_database_blks_hit + pg_stat_database_blks_read > 0)", "{{datname}}")),
            new("Locks", "short", new Query("sum by (mode) (pg_locks_count) > 0", "{{mode}}")),
            new("Size, by database", "bytes", new Query("sum by (datname) (pg_database_size_bytes)", "{{datname}}"))),
        new(
            "rabbitmq", "RabbitMQ",
            Panel.Number("Queues", "short", "sum(rabbitmq_queues)"),
            Panel.Number("Consumers", "short", "sum(rabbitmq_consumers)"),
            Panel.Number("Connections", "short", "sum(rabbitmq_connections)"),
            Panel.Number("Memory alarm", "short", "max(rabbitmq_alarms_memory_used_watermark)"),
            Panel.Number("Disk alarm", "short", "max(rabbitmq_alarms_free_disk_space_watermark)"),
            Panel.Number("Disk free", "bytes", "min(rabbitmq_disk_space_available_bytes)"),
            new("Messages", "short",
                new("sum(rabbitmq_queue_messages_ready)", "ready"),
                new("sum(rabbitmq_queue_messages_unacked)", "in hand")),
            new("Messages ready, by queue", "short", new Query("sum by (queue) (rabbitmq_detailed_queue_messages_ready)", "{{queue}}")),
            new("Consumers, by queue", "short", new Query("sum by (queue) (rabbitmq_detailed_queue_consumers)", "{{queue}}")),
            new("Published and acknowledged", "reqps",
                new("sum(rate(rabbitmq_global_messages_received_total[$__rate_interval]))", "published"),
                new("sum(rate(rabbitmq_global_messages_confirmed_total[$__rate_interval]))", "confirmed"),
                new("sum(rate(rabbitmq_global_messages_acknowledged_total[$__rate_interval]))", "acknowledged")),
            new("Delivered again", "reqps", new Query("sum(rate(rabbitmq_global_messages_redelivered_total[$__rate_interval]))")),
            new("Memory", "bytes",
                new("sum(rabbitmq_process_resident_memory_bytes)", "used"),
                new("sum(rabbitmq_resident_memory_limit_bytes)", "limit"))),
    ];

    private static (string Name, string Title, string Promised)[] Objectives =>
    [
        ("orders-accepted", "Orders accepted", "99.9 %"), ("orders-ended", "Orders ended within 30 s", "99 %"),
        ("mails-sent", "Mails within 60 s", "99 %"), ("webhooks-attempted", "Webhooks tried within 10 s", "99 %"),
    ];

    private static Panel Percentiles(string title, string histogram) => new(title, "s", [.. new[] { ("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99") }
        .Select(p => new Query($"histogram_quantile({p.Item1}, sum by (le) (rate({histogram}_bucket[$__rate_interval])))", p.Item2))]);

    private static Panel P95(string title, string histogram, string by) => new(title, "s", new Query(
        $"histogram_quantile(0.95, sum by (le, {by}) (rate({histogram}_bucket[$__rate_interval])))", string.Join(' ', by.Split(", ").Select(label => $"{{{{{label}}}}}"))));
}
