<?php
// Exports of Laravel, with hashes by its own classes, and a row more for WordPress: a plugin's plain bcrypt.
//
// Usage: php fixtures.php FOLDER >> LOGINS.csv (after fixtures.mjs)
require "Illuminate/Hashing/autoload.php";

use Illuminate\Hashing\Argon2IdHasher;
use Illuminate\Hashing\ArgonHasher;
use Illuminate\Hashing\BcryptHasher;

$folder = $argv[1];

function passwordOf(string $login): string
{
    echo "$login,Grüße von $login\n";
    return "Grüße von $login";
}

$hashers = ["bcrypt" => new BcryptHasher(["rounds" => 6]), "argon2i" => new ArgonHasher(), "argon2id" => new Argon2IdHasher()];
$csv = fopen("$folder/laravel.csv", "w");
fputcsv($csv, ["id", "name", "email", "email_verified_at", "password", "remember_token"], ",", '"', "");
foreach (array_keys($hashers) as $number => $name) {
    $email = "$name@laravel.example.com";
    fputcsv($csv, [6001 + $number, $name, $email, "2020-05-04 09:30:00", $hashers[$name]->make(passwordOf($email)), ""], ",", '"', "");
}

$users = json_decode(file_get_contents("$folder/wordpress.json"), true);
$users[] = [
    "ID" => 5004,
    "user_login" => "wp_bcrypt",
    "display_name" => "wp_bcrypt of WordPress",
    "user_email" => "wp_bcrypt@wordpress.example.com",
    "user_registered" => "2020-05-04 09:30:00",
    "roles" => "subscriber",
    "user_pass" => password_hash(passwordOf("wp_bcrypt@wordpress.example.com"), PASSWORD_BCRYPT, ["cost" => 6]),
];
$json = json_encode($users, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES);
file_put_contents("$folder/wordpress.json", "$json\n");
