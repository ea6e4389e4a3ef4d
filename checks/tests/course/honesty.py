"""Which test holds which row of the lessons' honesty tables: what is real here, and what is simulated.

A lesson says in its table what the learner saw of the real thing and what the lab only makes look like it. Who
changes a row, or what stands behind it, changes it here as well. Of what happens on AWS only, nothing can be
tested here: each is marked as that, or cites its fact.
"""

from __future__ import annotations

BACKUPS = "region/test_region_backups.py::"
CLIENTS = "region/test_region_clients.py::"
CLUSTERS = "region/test_region_clusters.py::"
DATABASES = "region/test_region_databases.py::"
DRIVER = "region/test_region_driver.py::"
ENDPOINTS = "region/test_region_endpoints.py::"
FAILOVER = "region/test_region_failover.py::"
IO = "region/test_region_io.py::"
MODELS = "models/test_model_"
NODES = "cluster/test_cluster_storage_nodes.py::"
NOTED = "region/test_region_only_noted.py::"
PROMOTION = "cluster/test_cluster_promotion.py::"
ROUTER = "endpoints/test_endpoint_router.py::"
SERVERLESS = "region/test_region_serverless.py::"
SCALING = "api/test_api_scaling.py::"
SCALING_ENGINE = "api/test_api_scaling_engine.py::"
STANDBY = "region/test_region_standby.py::"
TRACKING = "models/test_model_target_tracking.py::"
VOLUME = "region/test_region_volume.py::"
ZONES = "region/test_region_zones.py::"

GAP = CLIENTS + "test_a_plain_client_that_tries_again_is_back_within_a_second"
CLI = CLIENTS + "test_the_aws_cli_makes_a_cluster_and_fails_it_over"
COPIED = "cluster/test_cluster_readers.py::test_half_a_copy_is_redone"
FLEET = "region/test_region_scaling.py::test_a_fleet_grows_and_shrinks_under_a_real_load"
NO_LOSS = FAILOVER + "test_a_killed_writer_fails_over_by_itself_and_loses_nothing"
QUORUM = NODES + "test_an_az_may_go_with_an_az_and_one_more_commits_wait_and_reads_go_on"
STALE = ENDPOINTS + "test_an_old_answer_lives_for_one_ttl"
TLS = ROUTER + "test_psql_with_full_verification"

HELD: dict[str, dict[str, tuple[str, ...]]] = {
    "00": {
        "boto3, the AWS CLI, psql": (CLI, ENDPOINTS + "test_psql_connects_by_name"),
        "the RDS API: a program on this machine": (CLI, CLUSTERS + "test_names_and_values_are_checked"),
        "PostgreSQL, its transactions, its errors": (ENDPOINTS + "test_writer_and_reader_endpoint",),
        "an instance class: the server here has the machine's own speed": (
            NOTED + "test_an_instance_class_gives_and_takes_no_processor",
        ),
        "the endpoint's name, and TLS to it": (
            "endpoints/test_endpoint_names.py::test_names_are_auroras",
            TLS,
        ),
        "the friendly end of some error messages": (
            CLUSTERS + "test_an_operation_that_is_not_there_says_so",
        ),
        "what psql shows": (ENDPOINTS + "test_psql_connects_by_name",),
        "a new cluster takes a second; on AWS, minutes": (CLUSTERS + "test_waiters_return_at_once",),
    },
    "01": {
        "servers that are killed": (NO_LOSS,),
        "the machine around them": (QUORUM,),
        "a commit waits for 4 of 6 log copies": (QUORUM,),
        "an AZ: two storage nodes and some servers": (
            VOLUME + "test_an_az_with_the_writer_goes_and_comes_back",
        ),
        "a promoted reader has every confirmed order": (
            PROMOTION + "test_a_reader_that_lags_is_promoted_without_losing_a_commit",
        ),
        "it has pages of its own, and first copies them": (COPIED,),
        "which instance writes, and what a reader refuses": (ENDPOINTS + "test_writer_and_reader_endpoint",),
        "the gap: a second or two": (GAP,),
        "the backup, from the storage nodes": (
            "cluster/test_cluster_backup.py::test_log_is_kept_by_the_nodes_until_it_is_backed_up",
        ),
        "it lies in a folder": (
            "cluster/test_cluster_backup.py::test_newer_bases_take_the_place_of_old_log",
        ),
        "the settings of 01.3 and 01.9": (CLUSTERS + "test_a_cluster_made_by_the_api_has_no_instance",),
        "encryption, ACUs: only noted": (
            NOTED + "test_encryption_changes_nothing_on_the_disk",
            NOTED + "test_an_instance_class_gives_and_takes_no_processor",
        ),
    },
    "02": {
        "a standby that each commit waits for, and nobody reaches": (
            STANDBY + "test_a_commit_waits_for_the_standby_and_not_for_a_replica",
            STANDBY + "test_a_standby_has_everything_and_serves_nobody",
        ),
        "machines, disks and AZs": (ZONES + "test_an_az_is_lost_under_aurora_multi_az_and_single_az",),
        "a replica that falls behind, and what its promotion loses": (
            DATABASES + "test_a_promoted_replica_is_an_instance_of_its_own",
            STANDBY + "test_a_commit_waits_for_the_standby_and_not_for_a_replica",
        ),
        "an AZ that fails: its servers are killed": (
            ZONES + "test_an_az_is_lost_under_aurora_multi_az_and_single_az",
        ),
        "every commit in Aurora waits for 4 of 6 log copies": (QUORUM,),
        "a reader has pages of its own, and first copies them": (COPIED,),
        "which call fails over what, and the events": (
            STANDBY + "test_a_forced_failover_moves_the_name_to_the_standby",
            FAILOVER + "test_failover_to_a_named_target",
        ),
        "the gaps: no use for a comparison": (GAP,),
        "the storage size: noted only": (NOTED + "test_a_larger_disk_is_a_larger_number",),
    },
    "03": {
        "which instance each name leads to, and what it refuses": (
            ENDPOINTS + "test_writer_and_reader_endpoint",
            ENDPOINTS + "test_without_a_reader_the_reader_endpoint_leads_to_the_writer",
        ),
        "DNS: the lab answers by itself, one answer for all clients of this machine": (
            ROUTER + "test_connections_within_a_ttl_reach_one_instance",
        ),
        "an answer that is kept after it has become wrong": (STALE,),
        "its 5 seconds [3.16] pass faster": (
            "region/test_region_units.py::test_the_lab_clock_scales_durations",
        ),
        "custom endpoints, their types and lists": (ENDPOINTS + "test_custom_endpoints",),
        "they are there at once": (ENDPOINTS + "test_custom_endpoints",),
        "TLS to each of these names": (
            "endpoints/test_endpoint_certificates.py::test_the_server_certificate_covers_every_endpoint",
        ),
        "the certificate authority": (
            "endpoints/test_endpoint_certificates.py::test_the_ca_can_sign_for_aws_and_this_machine_only",
        ),
    },
    "04": {
        "a commit waits for 4 of 6 nodes": (QUORUM,),
        "a node: a process and a folder of log": (
            NODES + "test_the_log_of_the_nodes_is_trimmed",
            NODES + "test_the_six_nodes_take_little_memory",
        ),
        "a node dies or hangs; another repairs it": (
            QUORUM,
            NODES + "test_a_destroyed_node_is_rebuilt_from_its_peers_by_itself",
        ),
        "the loss is noticed after 10 s, which pass faster": (
            VOLUME + "test_the_loss_of_a_copy_is_noticed_after_ten_seconds_of_the_labs_clock",
        ),
        "SCL and PGCL": (NODES + "test_what_the_positions_say",),
        "one protection group: VCL = PGCL": (NODES + "test_sql_shows_the_nodes_and_the_positions",),
        "a reader does not count": (QUORUM,),
        "it may show a row whose commit waits": (
            NODES + "test_a_reader_may_show_a_row_whose_commit_still_waits",
        ),
        "the rules of 04.4 to 04.7": (
            MODELS + "lsn.py::test_pgcl_is_the_highest_that_four_have_reached",
            MODELS + "lsn.py::test_figure_3_of_the_2018_paper",
            MODELS + "lsn.py::test_the_durable_point_of_the_2017_paper",
            MODELS + "quorum.py::test_an_az_lost_leaves_writes_an_az_and_one_more_leaves_reads",
            MODELS + "availability.py::test_simulation_and_theory_agree_on_the_time_to_loss",
        ),
        "Table 1: a model": (MODELS + "write_path.py::test_the_model_comes_to_the_papers_figures",),
        "the metric grows by what is loaded": (BACKUPS + "test_cloudwatch_shows_how_large_the_volume_is",),
        "one set of pages": (BACKUPS + "test_cloudwatch_shows_how_large_the_volume_is",),
    },
    "05": {
        "AWS CLI, boto3, psql, PostgreSQL, TLS with `verify-full`": (CLI, TLS),
        "the RDS API": (CLUSTERS + "test_names_and_values_are_checked",),
        "readers follow the writer and refuse writes": (
            "cluster/test_cluster_readers.py::test_two_readers_have_what_the_writer_wrote_and_take_no_writes",
        ),
        "a new reader first copies the data; on AWS it does not [4.7]": (COPIED,),
        "a reader is promoted, no committed row is lost": (NO_LOSS,),
        "it takes a second; on AWS often under 30 s [4.8]": (GAP,),
        "who is behind each name": (ROUTER + "test_names_lead_to_their_instances",),
        "DNS: one answer for all clients, and its 5 s pass faster": (
            ROUTER + "test_connections_within_a_ttl_reach_one_instance",
            "region/test_region_units.py::test_the_lab_clock_scales_durations",
        ),
        "`sslmode=disable` is refused": ("endpoints/test_endpoint_router.py::test_without_tls",),
        "by the lab's router; on AWS by `rds.force_ssl` [3.27]": (
            "endpoints/test_endpoint_router.py::test_without_tls",
            "cluster/test_cluster_parameters.py::test_force_ssl_can_be_turned_off",
        ),
    },
    "06": {
        "the ranges that are refused": (SERVERLESS + "test_a_range_that_is_refused",),
        "the sentences of some errors": (SERVERLESS + "test_a_range_that_is_refused",),
        "CPU, memory, connections: measured": (
            SERVERLESS + "test_capacity_follows_the_load_and_low_tiers_the_writer",
            MODELS + "serverless.py::test_what_a_load_needs",
        ),
        "the sizes of the steps": (
            MODELS + "serverless.py::test_how_fast_it_grows",
            MODELS + "serverless.py::test_it_shrinks_gradually_and_to_the_floor",
        ),
        "containers are limited": (
            "runtime/test_runtime_contract.py::test_a_container_can_be_limited_and_a_process_cannot",
        ),
        "without them, an ACU is only a number": (
            "runtime/test_runtime_contract.py::test_a_container_can_be_limited_and_a_process_cannot",
        ),
        "`max_connections`, and its reboot": (SERVERLESS + "test_what_is_shown_and_what_changes_of_a_range",),
        "a paused server is stopped; a client waits": (
            SERVERLESS + "test_it_pauses_when_idle_and_a_connection_wakes_it",
        ),
        "5 minutes and 15 seconds pass faster": (
            SERVERLESS + "test_it_pauses_when_idle_and_a_connection_wakes_it",
            "region/test_region_units.py::test_the_lab_clock_scales_durations",
        ),
        "an open connection keeps it awake": (
            SERVERLESS + "test_it_pauses_when_idle_and_a_connection_wakes_it",
        ),
        "CloudWatch's metrics": (SERVERLESS + "test_capacity_follows_the_load_and_low_tiers_the_writer",),
        "a point each minute of the lab's clock": (
            "records/test_capacity_log.py::test_cloudwatch_is_told_what_the_curve_amounts_to",
        ),
        "ACU-hours, from the curve": (
            MODELS + "serverless.py::test_what_is_billed_adds_up_over_time",
            "region/test_region_bill.py::test_the_command_prices_a_cluster",
        ),
        "one day's price list": (
            MODELS + "bill.py::test_eight_pinned_acus_cost_3_7_times_the_instance_of_the_same_memory",
        ),
    },
    "07": {
        "connections, which the readers' servers count": (
            "region/test_region_metrics.py::test_instances_and_the_volume_are_measured",
            FLEET,
        ),
        "a minute passes in a second": ("region/test_region_units.py::test_the_lab_clock_scales_durations",),
        "no reader, no metric, no readers": (
            FLEET,
            SCALING_ENGINE + "test_without_a_reader_nothing_happens",
        ),
        "the alarms: the lab judges them": (
            SCALING_ENGINE + "test_cloudwatch_shows_the_alarms_as_they_are",
            TRACKING + "test_three_of_three_minutes_above_the_target_are_high",
            TRACKING + "test_fifteen_of_fifteen_minutes_below_nine_tenths_are_low",
        ),
        "readers that are made and removed, their class, tier and tag": (
            FLEET,
            TRACKING + "test_only_its_own_readers_are_removed",
        ),
        "how many: a formula of the lab's": (
            TRACKING + "test_capacity_follows_the_metric_in_proportion",
            SCALING_ENGINE + "test_a_reader_that_has_not_reported_yet_is_not_counted_as_load",
        ),
        "old connections stay, new ones find new readers": (FLEET,),
        "an instance class: all are as fast as the machine": (
            NOTED + "test_an_instance_class_gives_and_takes_no_processor",
        ),
        "the API, its errors, its reasons for doing nothing": (
            SCALING + "test_what_is_wrong_with_a_target",
            SCALING + "test_what_is_wrong_with_a_policy",
            SCALING_ENGINE + "test_why_it_does_not_scale_is_kept_once",
        ),
        "words of an activity: after other services'": (
            SCALING_ENGINE + "test_the_fleet_grows_and_shrinks_with_the_load",
        ),
    },
    "08": {
        "who is promoted": (
            FAILOVER + "test_without_a_target_the_lowest_tier_and_then_the_largest_goes_first",
            "region/test_region_units.py::test_tier_then_size_decide",
        ),
        "machines and AZs: servers are killed or stopped": (
            ZONES + "test_an_az_is_lost_under_aurora_multi_az_and_single_az",
            FAILOVER + "test_a_hung_writer_is_fenced_and_replaced",
        ),
        "connections that break, and their errors": (
            FAILOVER + "test_an_open_connection_never_moves_and_is_cut_with_its_writer",
        ),
        "the gaps: a second or two": (GAP,),
        "the AWS driver, and what it raises": (DRIVER + "test_the_aws_driver_survives_a_failover",),
        "DNS: the lab answers; the driver is told an address": (
            STALE,
            DRIVER + "test_the_aws_driver_sees_through_a_stale_name",
        ),
        "a commit without an answer, and its row": (
            NODES + "test_a_failover_takes_the_log_from_three_nodes_and_from_nobody_else",
        ),
        "three storage nodes that you stop": (QUORUM,),
        "with one instance, an AZ outage waits for you": (
            "region/test_region_writer_zone.py::"
            "test_an_instance_that_is_made_by_hand_in_another_az_takes_the_volume",
        ),
        "a client that remembers DNS": (
            "course/test_lessons.py::test_a_wrong_answer_fails_with_its_own_mistake",
        ),
        "the texts of the events": (
            "records/test_events.py::test_events_are_in_auroras_own_words",
            "records/test_events.py::test_the_events_of_rds_multi_az_are_not_aurora_s",
        ),
    },
    "09": {
        "pages that were in no cache; 4 KB of log": (
            "region/test_region_metrics.py::test_io_is_counted_as_it_is_billed",
        ),
        "read from PostgreSQL's statistics": (
            "region/test_region_metrics.py::test_io_is_counted_as_it_is_billed",
            IO + "test_an_index_that_nobody_needs_is_read_and_written",
        ),
        "a table that does not fit the cache": (
            "region/test_region_metrics.py::test_io_is_counted_as_it_is_billed",
        ),
        "16 MB, whatever the class": (IO + "test_the_cache_has_16_mb_whatever_the_class",),
        "when each instance was there": (
            "region/test_region_bill.py::test_instances_are_billed_while_they_are_there",
        ),
        "the lab's clock": (
            "region/test_region_ledger.py::test_instances_are_billed_for_their_lab_hours",
            "region/test_region_ledger.py::test_lab_time_stands_still_while_the_region_is_stopped",
        ),
        "`DELETE` leaves the size, `DROP` does not": (IO + "test_storage_shrinks_by_drop_and_not_by_delete",),
        "the space is back at once": (IO + "test_storage_shrinks_by_drop_and_not_by_delete",),
        "the arithmetic of every bill": (
            MODELS + "bill.py::test_a_bill_is_the_sum_of_the_bills_of_its_parts",
            MODELS + "bill.py::test_two_r6g_2xlarge_and_150_gb_break_even_at_2_36_billion",
            MODELS + "bill.py::test_the_errors_of_two_cost_tools",
            MODELS + "bill.py::test_bills_that_people_reported",
        ),
        "prices: of the fact table": (MODELS + "price_book.py::test_each_row_stands_in_the_fact_table",),
        "an index nobody needs is read, too": (IO + "test_an_index_that_nobody_needs_is_read_and_written",),
        "now and then whole pages in the log": (IO + "test_after_a_checkpoint_the_log_has_a_whole_page",),
    },
}
