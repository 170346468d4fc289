using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Chassis;
using Chassis.Data;
using Microsoft.Extensions.Options;
using Notifications.Queues;
using Notifications.Telemetry;
using Notifications.Templating;
using Npgsql;

namespace Notifications.Mails;

/// <summary>Sends the mails that are due, a few at a time.</summary>
public sealed partial class MailSender(
    MailQueue queue,
    MailContent content,
    Func<IMailTransport> connect,
    MailsSignal signal,
    IOptions<MailOptions> options,
    NotificationMetrics metrics,
    TimeProvider clock,
    ILogger<MailSender> logger) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBreak = TimeSpan.FromSeconds(30);

    // Claimed together, for one commit; each waits for the next sender that is free.
    private readonly ConcurrentQueue<(ClaimedMail Mail, long At)> _claimed = new();
    private readonly SemaphoreSlim _claiming = new(1);

    private long _serverBreakUntil;
    private int _serverFailures;

    // Outcomes that the database could not take yet. What the claims of these mails say is out of date.
    private int _unwritten;

    public override void Dispose()
    {
        _claiming.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var senders = Task.WhenAll(Enumerable.Range(0, options.Value.Concurrency).Select(
            _ => Task.Run(() => WorkAsync(stoppingToken), CancellationToken.None)));
        await Task.Delay(Timeout.InfiniteTimeSpan, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // At once, and what was claimed in this moment as well: others must not wait until a slow mail server has answered.
        await GiveBackAsync("The service stopped.");
        await senders;
        await GiveBackAsync("The service stopped.");
    }

    private async Task GiveBackAsync(string reason)
    {
        while (_claimed.TryDequeue(out var left))
        {
            try
            {
                await queue.PostponeAsync(left.Mail, TimeSpan.Zero, attempted: false, unconfirmed: false, reason, CancellationToken.None);
            }
            catch (NpgsqlException)
            {
                // Then its lease brings it back.
            }
        }
    }

    private async Task WorkAsync(CancellationToken stopping)
    {
        var transport = connect();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (!await WorkOnceAsync(transport, stopping) && !await signal.Signal.WaitAsync(Look, clock, stopping))
                {
                    // Nothing to do: before the mail server hangs up, the sender does.
                    transport.Dispose();
                    transport = connect();
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                // The database is away, or a mail broke something: its lease brings it back.
                LogBroken(logger, e);
                await Task.Delay(Look, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        transport.Dispose();
    }

    private async Task<bool> WorkOnceAsync(IMailTransport transport, CancellationToken stopping)
    {
        if (clock.GetUtcNow().UtcTicks < Interlocked.Read(ref _serverBreakUntil) || Volatile.Read(ref _unwritten) > 0)
        {
            await GiveBackAsync("The mail server, or the database, is being waited for.");
            return false;
        }

        if (await NextAsync(stopping) is not var (mail, claimedAt))
        {
            return false;
        }

        // There may be more: the next sender looks while this one is busy.
        signal.Signal.Set();
        if (mail.Erased && mail.UserId is not null)
        {
            await FinishAsync(mail, MailStatus.Suppressed, false, "The user was erased.");
        }
        else if (mail.SwitchedOff && !MailTemplate.Named(mail.Template).IsSecurity)
        {
            await FinishAsync(mail, MailStatus.Suppressed, false, "The user does not want this kind of mail.");
        }
        else if (mail.Address is { } address)
        {
            await SendAsync(mail, address, transport, claimedAt);
        }
        else if (mail.Audience == Audiences.Operators)
        {
            await FinishAsync(mail, MailStatus.Suppressed, false, "No address of operators is configured.");
        }
        else
        {
            await WaitForContactAsync(mail);
        }

        return true;
    }

    private async Task<(ClaimedMail Mail, long At)?> NextAsync(CancellationToken stopping)
    {
        if (_claimed.TryDequeue(out var waiting))
        {
            return waiting;
        }

        await _claiming.WaitAsync(stopping);
        try
        {
            if (_claimed.IsEmpty)
            {
                // One for each sender: more would wait for a slow mail server here, and not for another replica.
                var now = clock.GetTimestamp();
                foreach (var mail in await queue.ClaimAsync(options.Value.Concurrency, stopping))
                {
                    _claimed.Enqueue((mail, now));
                }
            }

            return _claimed.TryDequeue(out var next) ? next : null;
        }
        finally
        {
            _claiming.Release();
        }
    }

    private async Task WaitForContactAsync(ClaimedMail mail)
    {
        if (mail.Age > options.Value.WaitForContact)
        {
            await FinishAsync(mail, MailStatus.Failed, false, "The user's address did not become known.");
            return;
        }

        // The contact's arrival makes the mail due; looking again is for an arrival at this very moment.
        var wait = TimeSpan.FromSeconds(Math.Clamp(mail.Age.TotalSeconds / 2, 1, 60));
        await RecordAsync(
            () => queue.PostponeAsync(mail, wait, attempted: false, unconfirmed: false, "The user's address is not known yet.", CancellationToken.None));
    }

    private async Task SendAsync(ClaimedMail mail, string address, IMailTransport transport, long claimedAt)
    {
        using var span = NotificationTraces.Begin(mail);
        // Every other end gives a reason, and counts down the waits: so many attempts have ended with their process.
        if (mail.Attempts > options.Value.RetryWaits.Count + 1)
        {
            await FinishAsync(mail, MailStatus.Failed, false, "The mail was being sent again and again when the process ended; it may have arrived.");
            return;
        }

        RenderedMail rendered;
        try
        {
            rendered = content.Write(mail.Template, mail.Audience, mail.Data, mail.ContactName, mail.Locale);
        }
        catch (Exception e)
        {
            // Data or a template that cannot be used now cannot be used later.
            span.Fail(e);
            await FinishAsync(mail, MailStatus.Failed, false, $"The mail could not be written ({e.GetType().Name}).");
            return;
        }

        // Stopped and continued in between, the process must not send what another one has taken over.
        if (clock.GetElapsedTime(claimedAt) > options.Value.Lease / 2)
        {
            await RecordAsync(
                () => queue.PostponeAsync(
                    mail, TimeSpan.Zero, attempted: false, unconfirmed: false, "The process was too busy to send the mail in time.", CancellationToken.None));
            return;
        }

        var role = mail.Audience == Audiences.PreviousAddress ? "." + mail.Audience : "";
        var outgoing = new OutgoingMail(
            $"{Plain(mail.EventId)}.{mail.Template}{role}@{options.Value.MessageIdDomain}",
            address,
            rendered.Subject,
            rendered.Text,
            rendered.Html,
            rendered.Language);
        var started = clock.GetTimestamp();
        using var ended = new CancellationTokenSource();
        var renewing = RenewAsync(mail, transport, ended.Token);
        try
        {
            // A send under way is finished when the service stops: cut off, nobody would know whether the mail went out.
            await transport.SendAsync(outgoing, CancellationToken.None);
        }
        catch (MailTransportException e)
        {
            span.Fail(e.Kind.ToString());
            await FailedAsync(mail, e);
            return;
        }
        finally
        {
            await ended.CancelAsync();
            await renewing;
        }

        Interlocked.Exchange(ref _serverFailures, 0);
        var sent = clock.GetTimestamp();
        await FinishAsync(mail, MailStatus.Sent, true, null);
        metrics.MailSent(
            age: mail.SinceEvent + clock.GetElapsedTime(claimedAt, sent), call: clock.GetElapsedTime(started, sent), unrecorded: clock.GetElapsedTime(sent));
    }

    private async Task FailedAsync(ClaimedMail mail, MailTransportException e)
    {
        if (e.Kind is MailFailure.ServerUnavailable or MailFailure.Unconfirmed)
        {
            var failures = Interlocked.Increment(ref _serverFailures);
            var pause = Backoff.Exponential(failures, TimeSpan.FromSeconds(1), LongestBreak);
            Interlocked.Exchange(ref _serverBreakUntil, (clock.GetUtcNow() + pause).UtcTicks);
            LogServerAway(logger, e.Message, pause);
        }

        var unconfirmed = e.Kind == MailFailure.Unconfirmed;
        var (waits, before) = unconfirmed ? (options.Value.UnconfirmedWaits, mail.Unconfirmed) : (options.Value.RetryWaits, mail.Attempts - 1);
        if (e.Kind == MailFailure.Refused || before >= waits.Count)
        {
            await FinishAsync(mail, MailStatus.Failed, true, e.Message);
        }
        else
        {
            await RecordAsync(() => queue.PostponeAsync(mail, waits[before], attempted: true, unconfirmed, e.Message, CancellationToken.None));
        }
    }

    /// <summary>Keeps the claim while the mail server takes its time, and says in the row what is waited for.</summary>
    private async Task RenewAsync(ClaimedMail mail, IMailTransport transport, CancellationToken ended)
    {
        while (true)
        {
            await Task.Delay(options.Value.Lease / 3, clock, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ended.IsCancellationRequested)
            {
                return;
            }

            try
            {
                await queue.RenewAsync(mail, transport.HandedOver ? "The mail server has the whole mail and has not answered yet." : null, ended);
            }
            catch (Exception e) when (DatabaseFailure.Is(e) || e is OperationCanceledException)
            {
                // The next one may succeed.
            }
        }
    }

    private async Task FinishAsync(ClaimedMail mail, MailStatus status, bool attempted, string? error)
    {
        var isNoted = false;
        await RecordAsync(async () => isNoted = await queue.CompleteAsync(mail, status, attempted, error, CancellationToken.None));
        if (isNoted)
        {
            metrics.MailEnded(mail.Template, status, attempted ? mail.Attempts : mail.Attempts - 1);
        }
    }

    /// <summary>
    /// What happened is written down, however long the database is away; until then nobody in this process claims anything, so that no mail goes out again.
    /// </summary>
    private async Task RecordAsync(Func<Task> write)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await write();
                if (attempt > 0)
                {
                    Interlocked.Decrement(ref _unwritten);
                }

                return;
            }
            catch (Exception e) when (!CannotBeWritten(e))
            {
                if (attempt == 0)
                {
                    Interlocked.Increment(ref _unwritten);
                }

                if (attempt % 30 == 0)
                {
                    LogUnwritten(logger, e.Message);
                }

                await Task.Delay(attempt < 10 ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(2), clock);
            }
            catch when (attempt > 0)
            {
                Interlocked.Decrement(ref _unwritten);
                throw;
            }
        }
    }

    // The value is at fault and not the moment: it will be refused tomorrow as well.
    private static bool CannotBeWritten(Exception e) => e is PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '2', ..] } or not NpgsqlException;

    // An event's id is any text (CloudEvents 1.0), and a Message-ID is not (RFC 5322, §3.6.4): one that does not fit stands there as its hash.
    private static string Plain(string eventId) =>
        Fitting().IsMatch(eventId) ? eventId : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(eventId)));

    [GeneratedRegex("^[A-Za-z0-9._-]{1,100}\\z")]
    private static partial Regex Fitting();

    [LoggerMessage(5103, LogLevel.Warning, "The outcome of a mail waits for the database: {Reason}", EventName = "mail.outcome_unwritten")]
    private static partial void LogUnwritten(ILogger logger, string reason);

    [LoggerMessage(5101, LogLevel.Warning, "Mails cannot be sent, next look in {Pause}: {Reason}", EventName = "mail.server_away")]
    private static partial void LogServerAway(ILogger logger, string reason, TimeSpan pause);

    [LoggerMessage(5102, LogLevel.Error, "A sender of mails failed", EventName = "mail.sender_failed")]
    private static partial void LogBroken(ILogger logger, Exception e);
}

/// <summary>Wakes the senders of mails.</summary>
public sealed record MailsSignal(WorkSignal Signal);
