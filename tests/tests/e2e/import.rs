//! `mortise import` of a dump, with the real program.

use std::process::{Command, Stdio};

use mortise_tests::server::{Data, program};

/// A dump with a message of noon, in the time zone of its Gotify, and one in UTC.
const DUMP: &str = r"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!50503 SET NAMES utf8mb4 */;
CREATE TABLE `users` (`id` bigint unsigned NOT NULL, `name` varchar(180), `pass` longblob, `admin` tinyint(1), PRIMARY KEY (`id`));
INSERT INTO `users` VALUES (1,'admin',_binary '$2a$10$',1);
CREATE TABLE `applications` (`id` bigint unsigned, `token` varchar(180), `user_id` bigint unsigned, `name` text, `description` text);
INSERT INTO `applications` VALUES (1,'A12345678901234',1,'backup','');
CREATE TABLE `messages` (`id` bigint unsigned, `application_id` bigint unsigned, `message` text, `title` text, `priority` bigint, `date` datetime(3));
INSERT INTO `messages` VALUES (1,1,'it\'s noon','',-5,'2026-07-01 12:00:00.250');
CREATE TABLE `clients` (`id` bigint unsigned, `token` varchar(180), `user_id` bigint unsigned, `name` text);
";

#[tokio::test]
async fn times_of_a_dump_are_of_the_time_zone_of_the_import() {
    for (zone, time) in [
        ("UTC0", "2026-07-01T12:00:00.250Z"),
        ("HERE-05:30", "2026-07-01T06:30:00.250Z"),
    ] {
        let data = Data::new();
        // The administrator's password is that of the tests.
        data.serve().await.stop().await;
        let dump = data.path().join("dump.sql");
        std::fs::write(&dump, DUMP).unwrap();
        let output = Command::new(program())
            .arg("import")
            .arg(&dump)
            .args(["--same-name", "merge", "--data-dir"])
            .arg(data.path())
            .env("TZ", zone)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let server = data.serve().await;
        let messages = server.messages().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert_eq!(messages[0]["message"], "it's noon");
        assert_eq!(messages[0]["priority"], -5);
        assert_eq!(messages[0]["date"], time);
        server.stop().await;
    }
}
